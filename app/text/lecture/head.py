"""Words of the scene "head": the head and the logit lens."""

_TERMS_EN = (
    "Each channel adds its value times a weight: [{winner}](compare=false) gets the logit **{logit}**, "
    "**{margin}** more than [the runner-up](compare=true), {runner}, and is {ratio} times as probable.\n"
    "The same head can read any layer. At [the input](layer=0) it predicts {first}; {after} **{leader}** leads "
    "with **{p}**; at [the end](layer=999) it is {winner}, {final}. The head was trained on the last layer "
    "only: earlier readings are not what a layer “thinks”."
)
_TERMS_KO = (
    "채널마다 값에 가중치를 곱해 더합니다. [{winner}](compare=false) 클래스의 로짓은 **{logit}**, "
    "[2위](compare=true) {runner} 클래스보다 **{margin}** 큽니다. 확률로는 {ratio}배입니다.\n"
    "같은 헤드로 모든 레이어를 읽을 수 있습니다. [입력](layer=0)에서는 {first}, {after} **{leader}**({p}), "
    "[마지막](layer=999)에는 {winner}({final})입니다. 헤드는 마지막 레이어로만 학습되었으므로, 앞쪽 값은 그 "
    "레이어의 ‘생각’이 아닙니다."
)

EN = {
    "kicker": "Step 4 · MLP head",
    "title": "How does one vector become a prediction?",
    "text": "The head reads **one vector** $z$: a linear map, then softmax.\n$logit$\n" + _TERMS_EN,
    "text_two": "**Two heads** read $z$, the class token, and $d$, the distillation token. Their logits are "
    "averaged; then "
    "softmax.\n"
    "$logit_two$\n" + _TERMS_EN,
    "text_none": "After layer {layers} and the Norm, the model returns **one vector** $z$ of {size} numbers.\n"
    "This checkpoint has no head, so there are no logits and no softmax. A linear map, trained on top, would give "
    "them:\n"
    "$logit$\n"
    "The vector answers without one, too: pictures with [similar vectors](near=true) show similar things. With "
    "labelled pictures, this is a k-nearest-neighbour classifier.",
    "text_multi_label": "The head reads **one vector** $z$: a linear map, then a sigmoid for each class.\n"
    "$logit$\n"
    "Each channel adds its value times a weight: [{winner}](compare=false) gets the logit **{logit}**, "
    "**{margin}** more than [the next class](compare=true), {runner}. Each class has a probability of its own, so "
    "they do not add up to 100 %.\n"
    "The same head can read any layer. At [the input](layer=0), {first} is the most probable class; {after} it is "
    "**{leader}** with **{p}**; at [the end](layer=999) {winner}, {final}. The head was trained on the last layer "
    "only: earlier readings are not what a layer “thinks”.",
    "text_binary": "The head reads **one vector** $z$: a linear map to **one logit**, then a sigmoid.\n"
    "$logit$\n"
    "Each channel adds its value times a weight. The logit is **{logit}**: above 0 for {winner}, below 0 for the "
    "other class.\n"
    "The same head can read any layer: {after}, the probability of {winner} is **{p}**; at [the end](layer=999) it is "
    "{final}. The head was trained on the last layer only: earlier readings are not what a layer “thinks”.",
    "text_regression": "After layer {layers} and the Norm, the head reads **one vector** $z$ of {size} numbers.\n"
    "$logit$\n"
    "This head is a regression: a linear map gives numbers in the unit of the training data. They are no classes and "
    "no probabilities.",
    "outline": "Only one vector reaches the head, so everything the model knows must be in it.\n"
    "A logit is a plain sum: click a class to see its largest terms.\n"
    "Compare winner and runner-up: what they share cancels out.\n"
    "Move through the layers: in which one does the prediction form?\n"
    "The early layers were never trained to be read this way.",
    "class": "class token",
    "class_two": "class + distillation",
    "tokens": "all tokens",
    "norm": "Norm",
    "linear": "linear W",
    "linear_two": "2 linear, mean",
    "logits": "logits",
    "softmax": "softmax",
    "sigmoid": "sigmoid",
    "avg": "mean of the patches",
    "max": "maximum of the patches",
    "avgmax": "mean and maximum",
    "map": "attention pooling",
    "token_avg": "class token, mean",
    "path": "From the last layer to the prediction",
    "predictions": "Which class?",
    "parts": "What makes up the logit of {name}?",
    "versus": "What sets {name} apart from {other}?",
    "vector": "vector z",
    "weight": "weight",
    "weight_versus": "weights’ difference",
    "product": "z × weight",
    "of_class": "class",
    "of_distillation": "distill.",
    "of_avg": "mean",
    "of_max": "maximum",
    "of_avgmax": "mean, max",
    "of_map": "pooled",
    "channel": "channel {n}",
    "channel_of": "{part} {n}",
    "channel_is": "{channel}: {z} × {w} = {product}",
    "for": "for: {n} channels",
    "against": "against: {n} channels",
    "up": "for",
    "down": "against",
    "bias": "bias",
    "logit": "logit",
    "difference": "difference",
    "lens": "When does the prediction form?",
    "x": "after layer (0: the input)",
    "y": "probability",
    "layer": "after layer",
    "leaders": "Leading class after each layer",
    "after_input": "at the input",
    "after_layer": "after layer {n}",
    "alike": "Which patches resemble the {output}?",
    "alike_note": "Cosine of each patch's vector to the {output} after that layer and the last Norm.",
    "cosine": "cosine",
    "near": "Which samples are most similar?",
    "near_note": "Cosine of the vectors z. The mean over all samples is {mean}.",
    "near_ask": "Compare with {n} samples",
    "near_wait": "takes about {seconds} s, once for this model",
    "only_read": "What the head reads: the vector z",
    "only_vector": "The model's output instead: the vector z",
}

KO = {
    "kicker": "4단계 · MLP 헤드",
    "title": "벡터 하나가 어떻게 예측이 될까?",
    "text": "헤드는 **벡터 하나** $z$만 읽습니다. 선형 변환 한 번, 그다음 소프트맥스입니다.\n$logit$\n" + _TERMS_KO,
    "text_two": "**헤드 둘**이 클래스 토큰 $z$와 증류 토큰 $d$를 하나씩 읽습니다. 로짓의 평균에 소프트맥스를 "
    "취합니다.\n"
    "$logit_two$\n" + _TERMS_KO,
    "text_none": "레이어 {layers}개와 정규화를 지나면 숫자 {size}개로 된 **벡터 하나** $z$가 나옵니다.\n"
    "이 체크포인트에는 헤드가 없어 로짓도 소프트맥스도 없습니다. 선형 변환을 그 위에 얹어 학습하면 로짓이 나옵니다.\n"
    "$logit$\n"
    "헤드 없이도 답을 읽을 수 있습니다. [벡터가 비슷한](near=true) 이미지에는 비슷한 것이 있습니다. 레이블이 있는 "
    "이미지와 비교하면 최근접 이웃(k-NN) 분류기가 됩니다.",
    "text_multi_label": "헤드는 **벡터 하나** $z$만 읽습니다. 선형 변환, 그다음 클래스마다 시그모이드입니다.\n"
    "$logit$\n"
    "채널마다 값에 가중치를 곱해 더합니다. [{winner}](compare=false) 클래스의 로짓은 **{logit}**, "
    "[2위](compare=true) {runner} 클래스보다 **{margin}** 큽니다. 확률의 합은 100 %가 아닙니다.\n"
    "같은 헤드로 모든 레이어를 읽으면, 확률이 가장 높은 클래스는 [입력](layer=0)에서 {first}, {after} "
    "**{leader}**({p}), [마지막](layer=999)에 {winner}({final})입니다. 앞쪽 값은 그 레이어의 ‘생각’이 아닙니다.",
    "text_binary": "헤드는 **벡터 하나** $z$만 읽습니다. 선형 변환으로 **로짓 하나**를 내고 시그모이드를 취합니다.\n"
    "$logit$\n"
    "채널마다 값에 가중치를 곱해 더합니다. 로짓은 **{logit}**입니다. 0보다 크면 {winner}, 작으면 다른 클래스입니다.\n"
    "같은 헤드로 모든 레이어를 읽을 수 있습니다. {after} {winner} 클래스의 확률은 **{p}**, [마지막](layer=999)에는 "
    "{final}입니다. 헤드는 마지막 레이어로만 학습되었으므로, 앞쪽 값은 그 레이어의 ‘생각’이 아닙니다.",
    "text_regression": "레이어 {layers}개와 정규화를 지나면 숫자 {size}개로 된 **벡터 하나** $z$를 헤드가 읽습니다.\n"
    "$logit$\n"
    "이 헤드는 회귀용입니다. 선형 변환이 학습 데이터와 같은 단위의 수를 냅니다. 클래스도 확률도 아닙니다.",
    "outline": "헤드에 닿는 것은 벡터 하나뿐입니다. 모델이 아는 것이 모두 여기에 있어야 합니다.\n"
    "로짓은 단순한 합입니다. 클래스를 눌러 가장 큰 항들을 보세요.\n"
    "1위와 2위를 비교하면 공통된 부분은 상쇄됩니다.\n"
    "레이어를 옮겨 봅시다. 예측은 어느 레이어에서 만들어질까요?\n"
    "앞쪽 레이어는 이렇게 읽히도록 학습된 적이 없습니다.",
    "class": "클래스 토큰",
    "class_two": "클래스 + 증류 토큰",
    "tokens": "모든 토큰",
    "norm": "정규화",
    "linear": "선형 변환 W",
    "linear_two": "선형 2개의 평균",
    "logits": "로짓",
    "softmax": "소프트맥스",
    "sigmoid": "시그모이드",
    "avg": "패치들의 평균",
    "max": "패치들의 최댓값",
    "avgmax": "평균과 최댓값",
    "map": "어텐션 풀링",
    "token_avg": "클래스 토큰, 평균",
    "path": "마지막 레이어에서 예측까지",
    "predictions": "어느 클래스일까?",
    "parts": "{name}: 로짓은 무엇으로 이루어질까?",
    "versus": "{name}, {other}: 무엇이 둘을 가를까?",
    "vector": "벡터 z",
    "weight": "가중치",
    "weight_versus": "가중치의 차",
    "product": "z × 가중치",
    "of_class": "클래스",
    "of_distillation": "증류",
    "of_avg": "평균",
    "of_max": "최댓값",
    "of_avgmax": "평균·최대",
    "of_map": "풀링",
    "channel": "채널 {n}",
    "channel_of": "{part} {n}",
    "channel_is": "{channel}: {z} × {w} = {product}",
    "for": "더하는 채널 {n}개",
    "against": "빼는 채널 {n}개",
    "up": "더함",
    "down": "뺌",
    "bias": "편향",
    "logit": "로짓",
    "difference": "로짓의 차",
    "lens": "예측은 언제 만들어질까?",
    "x": "이 레이어 뒤 (0: 입력)",
    "y": "확률",
    "layer": "레이어",
    "leaders": "레이어마다 1위인 클래스",
    "after_input": "입력에서는",
    "after_layer": "{n}번 레이어 뒤에는",
    "alike": "{output}: 어느 패치와 닮았을까?",
    "alike_note": "같은 레이어와 마지막 정규화를 지난 패치 벡터와 {output}의 코사인입니다.",
    "cosine": "코사인",
    "near": "가장 비슷한 예제 이미지는?",
    "near_note": "벡터 z끼리의 코사인입니다. 예제 전체의 평균은 {mean}입니다.",
    "near_ask": "예제 {n}장과 비교하기",
    "near_wait": "약 {seconds}초, 이 모델에서 한 번만",
    "only_read": "헤드가 읽는 벡터 z",
    "only_vector": "예측 대신 나오는 출력: 벡터 z",
}

MATH = {
    "z": "z",
    "d": "d",
    "logit": r"\operatorname{logit}_k = \sum_{c} W_{k,c}\, z_c + b_k",
    "logit_two": r"\frac{1}{2} \left( W_k z + b_k + W'_k d + b'_k \right)",
}
