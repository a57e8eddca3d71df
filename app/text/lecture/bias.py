"""Inductive bias."""

EN = {
    "kicker": "CNN and Transformer · Inductive bias",
    "title": "What does a layer assume before it has seen a picture?",
    "text": "**Inductive bias**: what a model assumes to predict outputs for inputs it was not given. Its wiring is "
            "one such assumption.\n[Convolution](kind=convolution, show=structure) keeps to neighbours, its weights "
            "fixed after training. [Self-attention](kind=attention, show=structure) reads every patch, weighted by the "
            "input: less bias.\n**{reached}** of {tokens} patches reach {where}.\n"
            "$moves$\n[Measured](show=measure): shuffled patches move the logits by {moved}; without position "
            "embedding by {drift}.",
    "outline": "To predict what it was never shown, a model must assume something.\n"
               "Fully connected assumes nothing; convolution: near, and everywhere alike; recurrent: in order.\n"
               "Attention computes its weights from each picture: the least built in, so the most to learn from data.\n"
               "Measure it: without position embedding a ViT cannot tell a shuffled picture from the picture.",
    "show": "View", "structure": "Wiring", "measure": "Measurement",
    "output": "Output", "kind": "Kind of layer",
    "full": "Fully connected", "convolution": "Convolution", "recurrent": "Recurrent", "attention": "Self-attention",
    "reaching": "What reaches here?",
    "matrix": "What touches what?",
    "axes": "row: output · column: input",
    "coarse": "drawn coarser: {rows} × {cols}",
    "kinds": "How is it wired?",
    "key_full": "Every colour another weight: {weights} of them.",
    "key_convolution": "One colour, one weight: {weights}, the same for all outputs. Empty: none.",
    "key_recurrent": "Diagonal: the input. Orange: through the hidden state alone. Empty: later.",
    "key_attention": "Made from this picture: layer {layer}, mean of its heads.",
    "table": "What does one layer cost and assume? {patches} patches of width {dim}",
    "parameters": "parameters", "macs": "multiply-adds", "path": "path length", "local": "stays local",
    "shared": "shared weights", "after": "after training",
    "path_one": "1 layer", "path_layers": "{n} layers", "path_steps": "{n} steps",
    "local_full": "no", "local_convolution": "yes, 3 × 3", "local_recurrent": "in order", "local_attention": "no",
    "shared_full": "no", "shared_convolution": "all places", "shared_recurrent": "all steps",
    "shared_attention": "projections",
    "after_full": "fixed", "after_convolution": "fixed", "after_recurrent": "fixed",
    "after_attention": "from input",
    "again": "Shuffle again", "shift": "Shift (pixels)",
    "unmeasured": "? (a click computes it)",
    "original": "As it is", "shuffled": "Patches shuffled", "shifted": "Shifted",
    "vit": "ViT", "bare": "ViT without positions", "bare_already": "(it has none anyway)", "cnn": "CNN",
    "cnn_missing": "The embedded CNN is not installed here.",
    "change": "Δp", "apart": "TV",
    "legend": "Δp: change of the first answer's probability. TV: total variation, from 0 (same) to 1.",
    "layers": "Does one layer move along? Random weights, width {width}:",
    "by_shuffle": "shuffled patches", "by_shift": "shift by one patch, around the edge",
}

KO = {
    "kicker": "CNN과 트랜스포머 · 귀납 편향",
    "title": "레이어는 이미지를 보기 전에 무엇을 가정할까?",
    "text": "**Inductive bias**(귀납 편향): 주어지지 않은 입력의 출력을 예측하려고 모델이 미리 두는 가정입니다. "
            "연결 방식이 바로 그런 가정입니다.\n[합성곱](kind=convolution, show=structure)은 가까운 패치만 보고 학습 "
            "후 가중치가 고정됩니다. [셀프 어텐션](kind=attention, show=structure)은 모든 패치를 보고 입력마다 "
            "가중치를 새로 계산하므로 귀납 편향이 더 적습니다.\n{where} 출력: 한 레이어에서 패치 {tokens}개 중 "
            "**{reached}**개가 닿습니다.\n"
            "$moves$\n[재어 보기](show=measure): 패치를 섞으면 로짓이 최대 {moved}, 위치 임베딩이 없으면 {drift}만큼 "
            "변합니다.",
    "outline": "본 적 없는 입력을 예측하려면 무언가를 가정해야 합니다.\n"
               "완전 연결은 가정이 없습니다. 합성곱은 가까운 것을 어디서나 같게, 순환은 순서대로 봅니다.\n"
               "어텐션은 이미지마다 가중치를 계산합니다. 가정이 가장 적은 만큼 데이터에서 많이 배워야 합니다.\n"
               "직접 재어 봅니다. 위치 임베딩이 없는 ViT는 섞은 이미지와 원래 이미지를 구별하지 못합니다.",
    "show": "보기", "structure": "연결 구조", "measure": "측정",
    "output": "출력", "kind": "레이어 종류",
    "full": "완전 연결", "convolution": "합성곱", "recurrent": "순환", "attention": "셀프 어텐션",
    "reaching": "이 출력에는 무엇이 닿을까?",
    "matrix": "무엇이 무엇에 닿을까?",
    "axes": "행: 출력 · 열: 입력",
    "coarse": "성긴 격자로 그림: {rows} × {cols}",
    "kinds": "어떻게 연결될까?",
    "key_full": "색마다 다른 가중치: 모두 {weights}개입니다.",
    "key_convolution": "같은 색은 같은 가중치: 모든 출력이 {weights}개를 함께 씁니다. 빈칸: 없음.",
    "key_recurrent": "대각선: 입력. 주황: 은닉 상태를 거쳐서만 닿음. 빈칸: 아직 오지 않음.",
    "key_attention": "이 이미지에서 계산한 가중치: {layer}번 레이어, 헤드 평균.",
    "table": "레이어 하나의 비용과 가정은? 패치 {patches}개, 폭 {dim}",
    "parameters": "파라미터", "macs": "곱셈·덧셈", "path": "경로 길이", "local": "지역성 유지",
    "shared": "가중치 공유", "after": "학습 후 가중치",
    "path_one": "레이어 1개", "path_layers": "레이어 {n}개", "path_steps": "{n}단계",
    "local_full": "아니요", "local_convolution": "예, 3 × 3", "local_recurrent": "순서대로",
    "local_attention": "아니요",
    "shared_full": "없음", "shared_convolution": "모든 위치", "shared_recurrent": "모든 단계",
    "shared_attention": "투영 행렬만",
    "after_full": "고정", "after_convolution": "고정", "after_recurrent": "고정", "after_attention": "입력마다 다름",
    "again": "다시 섞기", "shift": "이동(픽셀)",
    "unmeasured": "?(누르면 계산)",
    "original": "원래 이미지", "shuffled": "패치를 섞은 이미지", "shifted": "옮긴 이미지",
    "vit": "ViT", "bare": "위치 임베딩 없는 ViT", "bare_already": "(원래 없는 모델)", "cnn": "CNN",
    "cnn_missing": "내장 CNN이 여기에는 설치되어 있지 않습니다.",
    "change": "Δp", "apart": "TV",
    "legend": "Δp: 처음 답의 확률 변화. TV: 총변동 거리, 0(같음)부터 1까지.",
    "layers": "레이어 하나는 입력을 따라 움직일까? 무작위 가중치, 폭 {width}:",
    "by_shuffle": "패치를 섞을 때", "by_shift": "한 패치씩 옮길 때(가장자리는 이어짐)",
}

MATH = {"moves": r"\operatorname{Attention}(P\,x) = P\,\operatorname{Attention}(x)",
        "asymmetry": r"\| f(P x) - P f(x) \| \,/\, \| f(x) \|"}
