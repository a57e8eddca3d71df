"""The words of "See why": what the browser says ({braces} filled in there) and, from "about" on, what the page says."""

EQUATION = (
    r"R \leftarrow R + \bar A_l R,\quad \bar A_l = \mathbb{E}_h\big[(\nabla_{A_l}\, y_c \odot A_l)^+\big]"
    r"\qquad \bar A_l = I + \mathbb{E}_h\big[(\nabla_{A_l}\, y_c \odot R_{A_l})^+\big],\quad "
    r"C = \bar A_L \cdots \bar A_1"
)

EN = {
    "paint_title": "What if these patches were gone?",
    "paint_label": "picture; drag to erase patches, drag over erased ones to bring them back; arrow keys move, "
    "space erases",
    "top": "Erase the top",
    "top_of": "{k} of {patches}",
    "erase_for": "for {name}",
    "fill": "What is painted over patches",
    "fill_mean": "mean colour",
    "fill_blur": "blur",
    "fill_black": "black",
    "clear": "Restore all",
    "method": "How attribution is computed",
    "gradient_rollout": "Gradient rollout",
    "relevance": "Relevance",
    "map_title": "Why {name}?",
    "legend": "one scale for both",
    "difference_title": "Which more?",
    "heads_title": "Without heads?",
    "head": "layer {layer}, head {head}",
    "layer": "the whole layer {layer}",
    "off": "off: heads {heads} · layers {layers}",
    "hint": "Move over a picture to read patches off. Drag over the large one to erase them.",
    "reading": "Row {row}, column {col}: {first} {a}, {second} {b}{gone}",
    "gone": " · erased",
    "odds_title": "What does it say now?",
    "tag_predicted": "said",
    "tag_label": "label",
    "tag_second": "next",
    "class": "class {number}",
    "was": "before: {before}",
    "before": "before",
    "after": "now",
    "says": "It says {name}, {percent}.",
    "says_still": "Still {name}, {percent}.",
    "says_now": "Now it says {name}, {percent}.",
    "curve_title": "What tips it?",
    "curve_x": "patches erased, best reasons first",
    "computing": "Computing…",
    "flip": "Without {k} of {patches} patches it says {name}.",
    "never": "However many are erased, it says the same.",
    "about": "It says {predicted} with {p} %, the label says {label} ({q} %).",
    "about_right": "It says {predicted} with {p} %, and so does the label; next comes {second} ({q} %).",
    "about_unknown": "It says {predicted} with {p} %; the label, {label}, is no class of this model. Next comes "
    "{second} ({q} %).",
    "about_flip": "Erasing {k} of {patches} patches makes it say {name}.",
    "about_never": "Erasing patches does not change its answer.",
    "changed": "The file has changed since it was evaluated: what is shown is the file of today.",
    "retrained": "The model has changed since the evaluation: of this file it says something else now. What is shown "
    "is the model of today; evaluate again to see its mistakes.",
    "nearest_title": "Which pictures that it gets right are nearest?",
    "nearest": "{name}: right, nearest by the vector that the head reads",
    "nearest_one": "similarity {similarity}",
    "nearest_none": "{name}: no picture of this class was right.",
    "reading_file": "Reading the picture and the model…",
    "computing_why": "Asking the model (about {passes} forward passes)…",
    "computing_long": "That takes some {seconds} s.",
    "not": "**Attribution is evidence, not proof.** Both methods multiply attention with gradients; they leave out "
    "signs (what speaks against a class), and what MLPs make of a patch is only followed by relevance, and "
    "there by rules. Values have no unit: compare the two maps, not two pictures. **Erasing** is closer to a "
    "cause, but a painted-over picture is one that the model was never trained on: grey squares can look "
    "like something too, so compare the three fills. Switching a **head** off sets what it mixes to zero, "
    "which no training prepared the layers after it for. The **nearest** pictures are near in the model's "
    "own space, which is part of what went wrong. Chefer et al. 2021 (arXiv:2103.15679, equations 5 and 6; "
    "arXiv:2012.09838).",
}

KO = {
    "paint_title": "이 패치들이 없다면?",
    "paint_label": "이미지. 끌어서 패치를 지우고, 지운 곳을 다시 끌면 되살아납니다. 방향키로 옮기고 스페이스로 "
    "지웁니다",
    "top": "큰 근거부터 지우기",
    "top_of": "{patches}개 중 {k}개",
    "erase_for": "{name} 기준",
    "fill": "패치를 덮는 것",
    "fill_mean": "평균색",
    "fill_blur": "흐림",
    "fill_black": "검정",
    "clear": "모두 되살리기",
    "method": "기여도 계산 방법",
    "gradient_rollout": "그래디언트 롤아웃",
    "relevance": "관련도",
    "map_title": "왜 {name}?",
    "legend": "두 맵에 같은 눈금",
    "difference_title": "어느 쪽 근거?",
    "heads_title": "헤드가 없다면?",
    "head": "{layer}번 레이어 {head}번 헤드",
    "layer": "{layer}번 레이어 전체",
    "off": "꺼짐: 헤드 {heads}개 · 레이어 {layers}개",
    "hint": "그림에 포인터를 올리면 패치의 값이 나옵니다. 큰 그림 위에서 끌면 패치가 지워집니다.",
    "reading": "{row}행 {col}열: {first} {a}, {second} {b}{gone}",
    "gone": " · 지움",
    "odds_title": "이제 무엇이라고 답할까?",
    "tag_predicted": "예측",
    "tag_label": "레이블",
    "tag_second": "다음",
    "class": "클래스 {number}",
    "was": "이전: {before}",
    "before": "이전",
    "after": "지금",
    "says": "답: {name}, {percent}.",
    "says_still": "여전히 {name}, {percent}.",
    "says_now": "이제는 {name}, {percent}.",
    "curve_title": "언제 답이 바뀔까?",
    "curve_x": "지운 패치 수, 큰 근거부터",
    "computing": "계산하는 중…",
    "flip": "패치 {patches}개 중 {k}개를 지우면 바뀌는 답: {name}.",
    "never": "얼마를 지워도 답이 같습니다.",
    "about": "모델의 답은 {predicted}({p} %)이고 레이블은 {label}({q} %)입니다.",
    "about_right": "모델의 답은 {predicted}({p} %)이며 레이블과 같습니다. 그다음 답은 {second}({q} %)입니다.",
    "about_unknown": "모델의 답은 {predicted}({p} %)입니다. 레이블 {label}: 이 모델에 없는 클래스입니다. 그다음 답은 "
    "{second}({q} %)입니다.",
    "about_flip": "패치 {patches}개 중 {k}개를 지우면 바뀌는 답: {name}.",
    "about_never": "패치를 지워도 답이 바뀌지 않습니다.",
    "changed": "평가한 뒤에 파일이 바뀌었습니다. 여기에 보이는 것은 지금의 파일입니다.",
    "retrained": "평가한 뒤에 모델이 바뀌어 이 파일에 다른 답을 냅니다. 여기에 보이는 것은 지금의 모델입니다. "
    "지금 모델의 오분류를 보려면 다시 평가하세요.",
    "nearest_title": "맞힌 이미지 가운데 가장 가까운 것은?",
    "nearest": "{name}: 맞힌 이미지 중 헤드가 읽는 벡터가 가장 가까운 것",
    "nearest_one": "유사도 {similarity}",
    "nearest_none": "{name}: 이 클래스에서 맞힌 이미지가 없습니다.",
    "reading_file": "이미지와 모델을 읽는 중입니다…",
    "computing_why": "모델에 묻는 중입니다(순전파 약 {passes}회)…",
    "computing_long": "약 {seconds}초 걸립니다.",
    "not": "**기여도는 증거일 뿐 증명이 아닙니다.** 두 방법 모두 어텐션에 그래디언트를 곱하며, 부호(클래스에 "
    "반대되는 근거)는 버립니다. MLP가 패치로 무엇을 만드는지는 관련도만, 그것도 정해진 규칙으로 따라갑니다. "
    "값에는 단위가 없으므로 두 맵끼리만 비교하고 다른 이미지와는 비교하지 않습니다. **지우기**는 원인에 더 "
    "가깝지만, 덮어 칠한 이미지는 모델이 학습에서 본 적이 없습니다. 회색 네모도 무언가로 보일 수 있으니 세 "
    "가지 덮는 방법을 비교하세요. **헤드**를 끄면 그 헤드가 섞은 값이 0이 되는데, 뒤의 레이어는 그런 입력을 "
    "학습하지 않았습니다. **가까운** 이미지는 모델 자신의 공간에서 가까운 것이고, 그 공간도 오답의 일부입니다. "
    "Chefer et al. 2021(arXiv:2103.15679 식 5, 6, arXiv:2012.09838).",
}
