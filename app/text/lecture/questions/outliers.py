"""Words of the scene "outliers": patches with large norms, and registers."""

EN = {
    "kicker": "Question · Outlier tokens",
    "title": "Why does one patch take everything?",
    "text": "In some models, a few background patches get most of the attention. Darcet et al. (2024) call them "
    "**outlier tokens**: with a very large [L2 norm](show=norm), they hold information about the whole picture.\n"
    "After layer {layer}, the largest norm is **{ratio}** times the median. {say_found}\n"
    "One patch receives **{share}** of [all attention](show=attention) there; an even share is {even}.\n"
    "**Registers**, extra tokens without a patch, take over that job. {say_registers}",
    "found": "{outliers} of {patches} patches are outliers.",
    "not_found": "No patch is an outlier, as in most small models.",
    "has_registers": "This model has {n}.",
    "no_registers": "This model has none.",
    "outline": "Ask first: why would a model look at empty sky or at a wall?\n"
    "An outlier here, as in Explore: a norm above twice the median of all patches, and far outside the usual range.\n"
    "Outliers appear in large models that were trained for long, in the middle layers; in small models seldom.\n"
    "In the paper, a linear classifier reads the picture's class from an outlier better than from a normal patch, but "
    "the patch's place and pixels worse.\n"
    "Trained with registers, the outliers leave the patches, and the maps become clean. Compare DINOv2 B/14 with and "
    "without registers.\n"
    "Much attention does not mean that the patch matters for the answer.",
    "show": "Map",
    "norm": "L2 norm",
    "attention": "attention received",
    "layer": "After layer",
    "map_norm": "Which patch has the largest norm?",
    "map_attention": "Which patch receives the most attention?",
    "norms": "How long are the patches' vectors?",
    "shares": "Who receives the attention?",
    "largest": "largest",
    "median": "median",
    "patch": "top patch",
    "class": "class",
    "registers": "registers",
    "x": "after layer (0: the input)",
    "x_attention": "layer",
    "y_norm": "L2 norm",
    "y_share": "share, mean over heads and queries",
}

KO = {
    "kicker": "질문 · 이상치 토큰",
    "title": "왜 패치 하나가 다 가져갈까?",
    "text": "어떤 모델에서는 밋밋한 배경 패치 몇 개에 어텐션이 몰립니다. Darcet et al.(2024)은 이를 **이상치 "
    "토큰**이라 부릅니다. [L2 노름](show=norm)이 유난히 크고, 제 패치의 내용 대신 이미지 전체의 정보를 담습니다.\n"
    "{layer}번 레이어 뒤에서 가장 큰 노름은 중앙값의 **{ratio}배**입니다. {say_found}\n"
    "여기서 패치 하나가 [전체 어텐션](show=attention)의 **{share}**\u2060를 받습니다(고르게 나누면 {even}).\n"
    "패치가 없는 토큰인 **레지스터**가 이 일을 대신 맡습니다. {say_registers}",
    "found": "이상치는 패치 {patches}개 중 {outliers}개입니다.",
    "not_found": "이상치인 패치는 없습니다. 작은 모델에는 대개 이상치가 없습니다.",
    "has_registers": "이 모델에는 {n}개가 있습니다.",
    "no_registers": "이 모델에는 없습니다.",
    "outline": "먼저 물어봅니다. 모델은 왜 텅 빈 하늘이나 벽을 볼까요?\n"
    "여기서 이상치란, 살펴보기에서처럼 노름이 모든 패치 중앙값의 두 배를 넘고 보통의 범위를 크게 벗어난 패치입니다.\n"
    "이상치는 오래 학습한 큰 모델의 중간 레이어에서 나타나고, 작은 모델에는 드뭅니다.\n"
    "논문에서 선형 분류기는 보통 패치보다 이상치에서 이미지의 클래스를 더 잘 읽어 냅니다. 반대로 패치의 위치와 픽셀은 "
    "더 못 읽습니다.\n"
    "레지스터를 넣고 학습하면 이상치가 패치에서 사라지고 맵이 깨끗해집니다. DINOv2 B/14를 레지스터가 있는 것과 없는 "
    "것으로 비교합니다.\n"
    "어텐션을 많이 받는다고 답에 중요한 패치는 아닙니다.",
    "show": "맵",
    "norm": "L2 노름",
    "attention": "받는 어텐션",
    "layer": "레이어",
    "map_norm": "노름이 가장 큰 패치는?",
    "map_attention": "어텐션을 가장 많이 받는 패치는?",
    "norms": "패치 벡터는 얼마나 길까?",
    "shares": "어텐션은 누가 받을까?",
    "largest": "최대",
    "median": "중앙값",
    "patch": "1위 패치",
    "class": "클래스",
    "registers": "레지스터",
    "x": "이 레이어 뒤 (0: 입력)",
    "x_attention": "레이어",
    "y_norm": "L2 노름",
    "y_share": "몫, 헤드와 쿼리의 평균",
}

MATH = {}
