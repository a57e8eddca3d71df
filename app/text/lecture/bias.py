"""Words of the scene "bias": inductive bias."""

_WIRING_EN = (
    "**Inductive bias**: what a model assumes about new inputs.\n"
    "[Convolution](kind=convolution, show=structure) connects neighbours only, with fixed weights. "
    "[Self-attention](kind=attention, show=structure) connects all patches; the input decides the weights: less "
    "bias.\n"
    "**{reached}** of {tokens} patches reach {where}.\n"
    "$moves$\n"
)
_WIRING_KO = (
    "**귀납 편향**(inductive bias): 주어지지 않은 입력의 출력을 예측하려고 모델이 두는 가정입니다. 연결 "
    "방식도 그런 가정입니다.\n"
    "[합성곱](kind=convolution, show=structure)은 이웃한 패치만 연결하고 학습 후 가중치가 고정됩니다. [셀프 "
    "어텐션](kind=attention, show=structure)은 모든 패치를 연결하고 입력마다 가중치를 계산하므로 귀납 편향이 더 "
    "약합니다.\n"
    "{where} 출력에는 패치 {tokens}개 중 **{reached}**개가 연결됩니다.\n"
    "$moves$\n"
)

EN = {
    "kicker": "CNN and Transformer · Inductive bias",
    "title": "What does a layer assume before training?",
    "text": _WIRING_EN
    + "[Measured](show=measure): shuffling the patches moves the logits by up to {moved} with position "
    "embedding, by {drift} without.",
    "text_vector": _WIRING_EN
    + "It has no classes, so the {output} is [measured](show=measure): shuffled patches change it by {moved} "
    "with position embedding, by {drift} without.",
    "text_bare": _WIRING_EN
    + "[Measured](show=measure): this model has no position embedding, so shuffling the patches moves its output by "
    "{drift} only.",
    "outline": "To predict outputs for new inputs, a model must assume something.\n"
    "A fully connected layer assumes nothing. Convolution assumes that neighbours matter, everywhere in the "
    "same way. Recurrence assumes an order.\n"
    "Attention computes its weights from each picture. It has the weakest bias, so it must learn the most from "
    "data.\n"
    "Measure it: without position embedding, a ViT cannot tell a shuffled picture from the original.",
    "show": "View",
    "structure": "Wiring",
    "measure": "Measurement",
    "output": "Output",
    "kind": "Kind of layer",
    "full": "Fully connected",
    "convolution": "Convolution",
    "recurrent": "Recurrent",
    "attention": "Self-attention",
    "reaching": "Which inputs?",
    "matrix": "What is connected?",
    "axes": "row: output · column: input",
    "coarse": "coarser grid: {rows} × {cols}",
    "kinds": "Which kind of layer?",
    "key_full": "Each colour is a different weight: {weights} in total.",
    "key_convolution": "Each colour is one weight: {weights}, shared by all outputs. Empty: no connection.",
    "key_recurrent": "Diagonal: the input. Orange: through the hidden state only. Empty: comes later.",
    "key_attention": "Computed from this picture: layer {layer}, mean over heads.",
    "table": "What does one layer cost and assume? {patches} patches of width {dim}",
    "parameters": "parameters",
    "macs": "multiply-adds",
    "path": "path length",
    "local": "local",
    "shared": "shared weights",
    "after": "after training",
    "path_one": "1 layer",
    "path_layers": "{n} layers",
    "path_steps": "{n} steps",
    "local_full": "no",
    "local_convolution": "yes, 3 × 3",
    "local_recurrent": "in order",
    "local_attention": "no",
    "shared_full": "no",
    "shared_convolution": "all positions",
    "shared_recurrent": "all steps",
    "shared_attention": "projections",
    "after_full": "fixed",
    "after_convolution": "fixed",
    "after_recurrent": "fixed",
    "after_attention": "from input",
    "again": "Shuffle again",
    "shift": "Shift (pixels)",
    "unmeasured": "? (click to compute)",
    "original": "Original",
    "shuffled": "Shuffled patches",
    "shifted": "Shifted",
    "vit": "ViT",
    "bare": "ViT without positions",
    "bare_already": "(this model has none)",
    "cnn": "CNN",
    "cnn_missing": "The embedded CNN is not installed.",
    "change": "Δp",
    "apart": "TV",
    "legend": "Δp: change in the original prediction's probability. TV: total variation, from 0 (equal) to 1.",
    "cosine": "cosine",
    "relative": "change",
    "legend_vector": "Cosine to the original's {output}. Change: length of the difference, as a share of the norm.",
    "layers": "Is one layer equivariant? Random weights, width {width}:",
    "by_shuffle": "shuffled patches",
    "by_shift": "shift by one patch, wrapping around",
}

KO = {
    "kicker": "CNN과 트랜스포머 · 귀납 편향",
    "title": "레이어는 학습 전에 무엇을 가정할까?",
    "text": _WIRING_KO + "[측정](show=measure): 패치를 섞을 때 로짓의 변화는 위치 임베딩이 있으면 최대 {moved}, 없으면 "
    "{drift}입니다.",
    "text_vector": _WIRING_KO
    + "[측정](show=measure): 클래스가 없어 {output}의 변화를 잽니다. 패치를 섞으면 위치 임베딩이 "
    "있을 때 노름의 {moved}, 없을 때 {drift}입니다.",
    "text_bare": _WIRING_KO
    + "[측정](show=measure): 위치 임베딩이 없는 모델이라 패치를 섞어도 출력이 {drift}만 변합니다.",
    "outline": "본 적 없는 입력의 출력을 예측하려면 무언가를 가정해야 합니다.\n"
    "완전 연결 레이어는 가정이 없습니다. 합성곱은 이웃이 중요하고 어디서나 같다고, 순환은 순서가 있다고 "
    "가정합니다.\n"
    "어텐션은 이미지마다 가중치를 계산합니다. 귀납 편향이 가장 약한 만큼 데이터에서 많이 배워야 합니다.\n"
    "직접 측정해 봅니다. 위치 임베딩이 없는 ViT는 섞은 이미지와 원래 이미지를 구별하지 못합니다.",
    "show": "보기",
    "structure": "연결 구조",
    "measure": "측정",
    "output": "출력",
    "kind": "레이어 종류",
    "full": "완전 연결",
    "convolution": "합성곱",
    "recurrent": "순환",
    "attention": "셀프 어텐션",
    "reaching": "이 출력에 연결된 패치는?",
    "matrix": "무엇이 무엇에 연결될까?",
    "axes": "행: 출력 · 열: 입력",
    "coarse": "성긴 격자로 그림: {rows} × {cols}",
    "kinds": "어떤 레이어일까?",
    "key_full": "색마다 다른 가중치: 모두 {weights}개입니다.",
    "key_convolution": "같은 색은 같은 가중치: 모든 출력이 {weights}개를 함께 씁니다. 빈칸: 연결 없음.",
    "key_recurrent": "대각선: 입력. 주황: 은닉 상태로만 전달됨. 빈칸: 나중에 오는 입력.",
    "key_attention": "이 이미지에서 계산한 가중치: {layer}번 레이어, 헤드 평균.",
    "table": "레이어 하나의 비용과 가정은? 패치 {patches}개, 폭 {dim}",
    "parameters": "파라미터",
    "macs": "곱셈·덧셈",
    "path": "경로 길이",
    "local": "지역성",
    "shared": "가중치 공유",
    "after": "학습 후 가중치",
    "path_one": "레이어 1개",
    "path_layers": "레이어 {n}개",
    "path_steps": "{n}단계",
    "local_full": "아니요",
    "local_convolution": "예, 3 × 3",
    "local_recurrent": "순서대로",
    "local_attention": "아니요",
    "shared_full": "없음",
    "shared_convolution": "모든 위치",
    "shared_recurrent": "모든 단계",
    "shared_attention": "투영 행렬만",
    "after_full": "고정",
    "after_convolution": "고정",
    "after_recurrent": "고정",
    "after_attention": "입력마다 다름",
    "again": "다시 섞기",
    "shift": "이동(픽셀)",
    "unmeasured": "?(누르면 계산)",
    "original": "원래 이미지",
    "shuffled": "패치를 섞은 이미지",
    "shifted": "옮긴 이미지",
    "vit": "ViT",
    "bare": "위치 임베딩 없는 ViT",
    "bare_already": "(원래 없는 모델)",
    "cnn": "CNN",
    "cnn_missing": "내장 CNN이 설치되어 있지 않습니다.",
    "change": "Δp",
    "apart": "TV",
    "legend": "Δp: 원래 예측의 확률 변화. TV: 총변동 거리, 0(같음)부터 1까지.",
    "cosine": "코사인",
    "relative": "변화",
    "legend_vector": "원래 이미지의 {output} 대비 코사인. 변화: 차이의 길이를 원래 노름으로 나눈 값.",
    "layers": "레이어 하나는 등변성을 가질까? 무작위 가중치, 폭 {width}:",
    "by_shuffle": "패치를 섞을 때",
    "by_shift": "한 패치씩 옮길 때(가장자리는 이어짐)",
}

MATH = {
    "moves": r"\operatorname{Attention}(P\,x) = P\,\operatorname{Attention}(x)",
    "asymmetry": r"\| f(P x) - P f(x) \| \,/\, \| f(x) \|",
}
