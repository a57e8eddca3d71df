"""Words of the scene "patches": patch embedding."""

_TEXT_EN = (
    "The picture is cut into {count} **patches** of {ph} × {pw} pixels each. Flattened, the pixels of "
    "one patch are {values} numbers. **One matrix** turns them into a token of {dim} values.\n"
    "$embed$\n"
    "A convolution whose stride equals its kernel size computes the same numbers.\n"
    "The paper's example is [ViT/16](size=vit16); this model has [its own sizes](size=own): a picture of "
    "{own_image} in patches of {own_patch}."
)
_TEXT_KO = (
    "이미지를 {ph} × {pw}픽셀 **패치** {count}개로 자릅니다. 패치 하나의 픽셀을 한 줄로 펼치면 값이 "
    "{values}개이고, 여기에 **행렬 하나**를 곱하면 {dim}차원 토큰이 됩니다.\n"
    "$embed$\n"
    "스트라이드가 커널 크기와 같은 합성곱도 똑같은 값을 냅니다.\n"
    "논문의 예는 [ViT/16](size=vit16)입니다. [이 모델의 크기](size=own): 이미지 {own_image}, 패치 {own_patch}."
)

EN = {
    "kicker": "Step 1 · Patch embedding",
    "title": "How does a picture become a sequence of tokens?",
    "text": _TEXT_EN,
    "text_bare": _TEXT_EN.replace("$embed$", "$embed_bare$"),
    "outline": "Do the arithmetic once by hand: 224 / 16 = 14, 14 · 14 = 196, 16 · 16 · 3 = 768.\n"
    "Pick a patch on the object and one in the background: the same matrix, different tokens.\n"
    "Halving the patch size gives four times as many tokens and sixteen times the attention work.\n"
    "The matrix product and the strided convolution are the same linear map; both are computed here.",
    "image": "Picture size",
    "patch": "Patch size",
    "pixels": "{n} px",
    "input": "height × width × channels",
    "grid": "rows × columns",
    "flat": "{ph} · {pw} · {channels} = {values}",
    "tokens": "tokens × width",
    "linear": "linear",
    "map": "Which patch? Click to choose",
    "over": "Hatched: {down} × {across} px lie in no patch.",
    "one": "How does {where} become a token?",
    "vector": "x = ({first}, …), {values} values",
    "red": "red",
    "green": "green",
    "blue": "blue",
    "grey": "grey",
    "enlarged": "patch x",
    "matrix": "E: {dim} × {values}, ±{reach}",
    "token": "z: {dim}, ±{reach}",
    "strip": "x, ±{reach}",
    "kernels_own": "These are the model's own kernels.",
    "kernels_other": "The model's {trained} kernels, resampled; not trained at this size.",
    "same": "Do both ways give the same token?",
    "convolution": "convolution",
    "product": "product",
    "below": "Largest difference in {count} × {dim} values: **{difference}** < 10⁻⁵",
    "above": "Largest difference in {count} × {dim} values: **{difference}**, rounding of {terms} terms",
}

KO = {
    "kicker": "1단계 · 패치 임베딩",
    "title": "이미지는 어떻게 토큰 시퀀스가 될까?",
    "text": _TEXT_KO,
    "text_bare": _TEXT_KO.replace("$embed$", "$embed_bare$"),
    "outline": "먼저 손으로 계산합니다. 224 / 16 = 14, 14 · 14 = 196, 16 · 16 · 3 = 768.\n"
    "물체 위의 패치와 배경의 패치를 하나씩 골라 봅니다. 행렬은 같고 토큰은 다릅니다.\n"
    "패치 크기를 반으로 줄이면 토큰은 4배, 어텐션 계산은 16배가 됩니다.\n"
    "잘라서 행렬을 곱하는 것과 스트라이드 합성곱은 같은 선형 변환이며, 여기서 둘 다 계산합니다.",
    "image": "이미지 크기",
    "patch": "패치 크기",
    "pixels": "{n} px",
    "input": "높이 × 폭 × 채널",
    "grid": "행 × 열",
    "flat": "{ph} · {pw} · {channels} = {values}",
    "tokens": "토큰 수 × 차원",
    "linear": "선형",
    "map": "어느 패치를 볼까? 눌러서 고르기",
    "over": "빗금 {down} × {across} px: 패치 밖",
    "one": "{where} 패치는 어떤 토큰이 될까?",
    "vector": "x = ({first}, …), 값 {values}개",
    "red": "빨강",
    "green": "초록",
    "blue": "파랑",
    "grey": "회색",
    "enlarged": "패치 x",
    "matrix": "E: {dim} × {values}, ±{reach}",
    "token": "z: {dim}, ±{reach}",
    "strip": "x, ±{reach}",
    "kernels_own": "이 모델이 학습한 커널 그대로입니다.",
    "kernels_other": "모델의 {trained} 커널을 보간한 것으로, 이 크기로는 학습하지 않았습니다.",
    "same": "두 방법의 토큰은 같을까?",
    "convolution": "합성곱",
    "product": "행렬 곱",
    "below": "값 {count} × {dim}개에서 가장 큰 차이: **{difference}** < 10⁻⁵",
    "above": "값 {count} × {dim}개에서 가장 큰 차이: **{difference}**, {terms}개 항의 반올림",
}

_MATRIX = r"\quad E \in \mathbb{R}^{D \times P^2 C}"
MATH = {"embed": rf"z_i = E\, x_i + b, {_MATRIX}", "embed_bare": rf"z_i = E\, x_i, {_MATRIX}"}
