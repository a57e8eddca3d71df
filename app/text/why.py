"""The sentences of "See why": those of the view, filled in by the browser, and from "about" on those of the page."""

EQUATION = (
    r"R \leftarrow R + \bar A_l R,\quad \bar A_l = \mathbb{E}_h\big[(\nabla_{A_l}\, y_c \odot A_l)^+\big]"
    r"\qquad \bar A_l = I + \mathbb{E}_h\big[(\nabla_{A_l}\, y_c \odot R_{A_l})^+\big],\quad "
    r"C = \bar A_L \cdots \bar A_1"
)

EN = {
    "paint_title": "What if these patches were gone?",
    "paint_label": "picture; drag to erase patches, drag over erased ones to restore them; arrow keys move, space "
    "erases",
    "top": "Erase the top",
    "top_of": "{k} of {patches}",
    "painted": "{k} painted",
    "erase_for": "for {name}",
    "fill": "What replaces erased patches",
    "fill_mean": "mean colour",
    "fill_blur": "blur",
    "fill_black": "black",
    "clear": "Restore all",
    "not_kept": "The address holds the method and the fill, but not what you erase or switch off.",
    "method": "Attribution method",
    "gradient_rollout": "Gradient rollout",
    "lrp": "LRP",
    "legrad": "LeGrad",
    "attnlrp": "AttnLRP",
    "attention_gradient": "Attention × gradient",
    "input_gradient": "Input × gradient",
    "rollout": "Attention rollout",
    "attention": "Attention of the last layer",
    "compare_title": "Which method finds what the model uses?",
    "compare_start": "Compare the methods",
    "compare_more": "More methods",
    "compare_note": "Each map is about the predicted class and has a scale of its own; where a method has evidence "
    "against the class too, it is blue. Deletion erases the patches in the map's order and follows the probability: "
    "a small area is good. Insertion brings them back: a large area is good. Eight steps, mean colour. Random maps "
    "tell what chance gets.",
    "compare_deletion": "Deletion {area}",
    "compare_insertion": "Insertion {area}",
    "compare_better": "better than random",
    "compare_no_better": "no better than random",
    "compare_interval": "95 % of random maps: {low} to {high}",
    "compare_random": "Measuring… random maps: {k} of {all}",
    "compare_control": "does not depend on the class",
    "compare_deletions": "Deletion: does the probability fall early?",
    "compare_insertions": "Insertion: does it rise early?",
    "compare_x": "patches erased, or brought back",
    "compare_curves": "The coloured line is the chosen method's; point at a card for another. Grey: 95 % of random "
    "maps, at each step.",
    "map_title": "Why {name}?",
    "legend": "one scale for both",
    "difference_title": "Evidence for which?",
    "heads_title": "Without these heads?",
    "head": "layer {layer}, head {head}",
    "layer": "the whole layer {layer}",
    "off": "off: heads {heads} · layers {layers}",
    "hint": "Point at a picture to read a patch's values. Drag over the large picture to erase patches.",
    "reading": "Row {row}, column {col}: {first} {a}, {second} {b}{gone}",
    "gone": " · erased",
    "probabilities_title": "What does it predict now?",
    "tag_predicted": "predicted",
    "tag_label": "label",
    "tag_second": "runner-up",
    "class": "class {number}",
    "before_value": "before: {before}",
    "before": "before",
    "after": "now",
    "predicts": "Prediction: {name}, {percent}.",
    "predicts_still": "Still {name}, {percent}.",
    "predicts_now": "Now {name}, {percent}.",
    "curve_title": "When does the prediction change?",
    "curve_x": "erased patches, strongest evidence first",
    "computing": "Computing…",
    "first_change": "After {k} of {patches} patches the prediction becomes {name}.",
    "no_change": "Erasing patches never changes the prediction.",
    "about": "The model predicts {predicted} ({p}); the label is {label} ({q}).",
    "about_right": "The model predicts {predicted} ({p}), which is the label. The runner-up is {second} ({q}).",
    "about_unknown": "The model predicts {predicted} ({p}). The label, {label}, is not a class of this model. The "
    "runner-up is {second} ({q}).",
    "about_erasing": "Erasing patches: {k} of {steps} steps…",
    "about_first_change": "Erasing {k} of {patches} patches changes the prediction to {name}.",
    "about_no_change": "Erasing patches does not change the prediction.",
    "changed": "The file has changed since the evaluation. You see the current file.",
    "retrained": "The model has changed since the evaluation and gives other probabilities for this file. You see the "
    "current model; evaluate again to see its mistakes.",
    "nearest_title": "Which correctly classified pictures are nearest?",
    "nearest": "{name}: classified correctly, nearest by the vector that the head reads",
    "nearest_one": "similarity {similarity}",
    "nearest_none": "{name}: no picture of this class was classified correctly.",
    "reading_file": "Reading the picture and the model…",
    "computing_why": "Computing the maps (about {passes} forward passes)…",
    "computing_long": "This takes about {seconds} s.",
    "not": "**Attribution is evidence, not proof.** Methods disagree, so compare them: one whose scores are no "
    "better than random says nothing about this picture. Most discard negative evidence (what speaks against a "
    "class); AttnLRP and input × gradient show it. The values have no unit: compare the two maps with each other, "
    "not maps of different pictures or methods. **Erasing** is closer to a cause, but the model was never trained on "
    "erased patches. Grey squares can look like something too, so compare the three fills. Switching a **head** off "
    "sets its output to zero, an input that the later layers never saw in training. The **nearest** pictures are "
    "near in the model's own embedding space, which is part of the mistake. The equations are those of gradient "
    "rollout and LRP: Chefer et al. 2021 (arXiv:2103.15679, equations 5 and 6; arXiv:2012.09838).",
}

KO = {
    "paint_title": "이 패치들이 없다면?",
    "paint_label": "이미지. 끌어서 패치를 지우고, 지운 곳을 다시 끌면 되살아납니다. 방향키로 옮기고 스페이스로 "
    "지웁니다",
    "top": "큰 근거부터 지우기",
    "top_of": "{patches}개 중 {k}개",
    "painted": "직접 지운 {k}개",
    "erase_for": "{name} 기준",
    "fill": "지운 패치를 채우는 방법",
    "fill_mean": "평균색",
    "fill_blur": "흐림",
    "fill_black": "검정",
    "clear": "모두 되살리기",
    "not_kept": "주소에는 계산 방법과 채우는 방법만 남고, 지운 패치와 끈 헤드는 남지 않습니다.",
    "method": "기여도 계산 방법",
    "gradient_rollout": "그래디언트 롤아웃",
    "lrp": "관련도(LRP)",
    "legrad": "LeGrad",
    "attnlrp": "AttnLRP",
    "attention_gradient": "어텐션 × 그래디언트",
    "input_gradient": "입력 × 그래디언트",
    "rollout": "어텐션 롤아웃",
    "attention": "마지막 레이어의 어텐션",
    "compare_title": "어느 방법이 모델의 근거를 찾을까?",
    "compare_start": "방법 비교하기",
    "compare_more": "다른 방법 더 보기",
    "compare_note": "맵은 모두 예측한 클래스에 대한 것이며 눈금은 맵마다 다릅니다. 반대되는 근거까지 나오는 "
    "방법에서는 그 근거가 파란색입니다. 삭제는 맵의 순서대로 패치를 지우면서 확률을 따라가며, 넓이가 작을수록 "
    "좋습니다. 삽입은 패치를 되살리며, 넓이가 클수록 좋습니다. 8단계, 평균색. 무작위 맵은 우연히 얻는 값을 보여 "
    "줍니다.",
    "compare_deletion": "삭제 {area}",
    "compare_insertion": "삽입 {area}",
    "compare_better": "무작위보다 나음",
    "compare_no_better": "무작위와 다르지 않음",
    "compare_interval": "무작위 맵의 95 %: {low}~{high}",
    "compare_random": "재는 중… 무작위 맵 {all}개 중 {k}개",
    "compare_control": "클래스와 무관함",
    "compare_deletions": "삭제: 확률이 일찍 떨어질까?",
    "compare_insertions": "삽입: 확률이 일찍 오를까?",
    "compare_x": "지우거나 되살린 패치",
    "compare_curves": "색이 있는 선은 고른 방법이며, 카드를 가리키면 그 방법의 선으로 바뀝니다. 회색: 무작위 맵의 95 %"
    "(단계마다).",
    "map_title": "왜 {name}?",
    "legend": "두 맵에 같은 눈금",
    "difference_title": "어느 쪽의 근거?",
    "heads_title": "이 헤드가 없다면?",
    "head": "{layer}번 레이어 {head}번 헤드",
    "layer": "{layer}번 레이어 전체",
    "off": "꺼짐: 헤드 {heads}개 · 레이어 {layers}개",
    "hint": "그림에 포인터를 올리면 패치의 값이 나옵니다. 큰 그림 위에서 끌면 패치가 지워집니다.",
    "reading": "{row}행 {col}열: {first} {a}, {second} {b}{gone}",
    "gone": " · 지움",
    "probabilities_title": "이제 무엇으로 예측할까?",
    "tag_predicted": "예측",
    "tag_label": "레이블",
    "tag_second": "2위",
    "class": "클래스 {number}",
    "before_value": "이전: {before}",
    "before": "이전",
    "after": "지금",
    "predicts": "예측: {name}, {percent}.",
    "predicts_still": "여전히 {name}, {percent}.",
    "predicts_now": "이제는 {name}, {percent}.",
    "curve_title": "예측은 언제 바뀔까?",
    "curve_x": "지운 패치 수, 큰 근거부터",
    "computing": "계산하는 중…",
    "first_change": "패치 {patches}개 중 {k}개를 지우면 예측이 바뀝니다: {name}.",
    "no_change": "패치를 아무리 지워도 예측이 바뀌지 않습니다.",
    "about": "모델의 예측은 {predicted}({p})이고 레이블은 {label}({q})입니다.",
    "about_right": "모델의 예측은 {predicted}({p})이며 레이블과 같습니다. 2위는 {second}({q})입니다.",
    "about_unknown": "모델의 예측은 {predicted}({p})입니다. 레이블 {label}: 이 모델에 없는 클래스입니다. 2위는 "
    "{second}({q})입니다.",
    "about_erasing": "패치를 지우는 중입니다: {steps}단계 중 {k}단계…",
    "about_first_change": "패치 {patches}개 중 {k}개를 지우면 예측이 바뀝니다: {name}.",
    "about_no_change": "패치를 지워도 예측이 바뀌지 않습니다.",
    "changed": "평가한 뒤에 파일이 바뀌었습니다. 여기에 보이는 것은 지금의 파일입니다.",
    "retrained": "평가한 뒤에 모델이 바뀌어 이 파일에 대한 확률이 달라졌습니다. 여기에 보이는 것은 지금의 모델입니다. "
    "지금 모델의 오분류를 보려면 다시 평가하세요.",
    "nearest_title": "맞힌 이미지 가운데 가장 가까운 것은?",
    "nearest": "{name}: 맞힌 이미지 중 헤드가 읽는 벡터가 가장 가까운 것",
    "nearest_one": "유사도 {similarity}",
    "nearest_none": "{name}: 이 클래스에서 맞힌 이미지가 없습니다.",
    "reading_file": "이미지와 모델을 읽는 중입니다…",
    "computing_why": "맵을 계산하는 중입니다(순전파 약 {passes}회)…",
    "computing_long": "약 {seconds}초 걸립니다.",
    "not": "**기여도는 증거일 뿐 증명이 아닙니다.** 방법마다 결과가 다르므로 서로 비교하세요. 점수가 무작위와 다르지 "
    "않은 방법은 이 이미지에 대해 아무것도 말해 주지 않습니다. 대부분의 방법은 음의 근거(클래스에 반대되는 근거)를 "
    "버리지만 AttnLRP와 입력 × 그래디언트는 보여 줍니다. 값에는 단위가 없으므로 두 맵끼리만 비교하고, 다른 이미지나 "
    "다른 방법과는 비교하지 않습니다. **지우기**는 원인에 더 가깝지만, 모델은 패치가 지워진 이미지를 학습에서 본 "
    "적이 없습니다. 회색 네모도 무언가로 보일 수 있으니 세 가지 채우는 방법을 비교하세요. **헤드**를 끄면 그 헤드의 "
    "출력이 0이 되는데, 뒤의 레이어는 그런 입력을 학습한 적이 없습니다. **가까운** 이미지는 모델 자신의 임베딩 "
    "공간에서 가까운 것이고, 그 공간도 오분류의 일부입니다. 식은 그래디언트 롤아웃과 LRP의 것입니다. Chefer et al. "
    "2021(arXiv:2103.15679 식 5, 6, arXiv:2012.09838).",
}

#: What the view says instead where several classes can be right.
MULTI_LABEL = {
    "en": {
        "tag_predicted": "most probable",
        "probabilities_title": "How probable is each class now?",
        "predicts": "{name}: {percent}. A class counts as predicted from 50 % on.",
        "predicts_still": "{name} stays on its side of 50 %: {percent}.",
        "predicts_now": "{name} has crossed 50 %: {percent}.",
        "curve_title": "When does a class cross 50 %?",
        "first_change": "After {k} of {patches} patches, {name} crosses 50 %.",
        "no_change": "Erasing patches never moves either class across 50 %.",
        "about": "The most probable class is {predicted} ({p}); the label {label} has {q}. Each class has a "
        "probability of its own, so they do not add up to 100 %.",
        "about_right": "The most probable class is {predicted} ({p}), which is a label of this picture. Next is "
        "{second} ({q}). Each class has a probability of its own, so they do not add up to 100 %.",
        "about_unknown": "The most probable class is {predicted} ({p}). The label, {label}, is not a class of this "
        "model. Next is {second} ({q}). Each class has a probability of its own, so they do not add up to 100 %.",
        "about_first_change": "Erasing {k} of {patches} patches moves {name} across 50 %.",
        "about_no_change": "Erasing patches moves neither class across 50 %.",
    },
    "ko": {
        "tag_predicted": "1위",
        "probabilities_title": "이제 클래스마다 확률은 얼마일까?",
        "predicts": "{name}: {percent}. 50 % 이상이면 예측한 것으로 봅니다.",
        "predicts_still": "{name}: 여전히 50 %의 같은 쪽, {percent}.",
        "predicts_now": "{name}: 50 %의 반대쪽으로 넘어가 이제 {percent}.",
        "curve_title": "확률은 언제 50 %를 지날까?",
        "first_change": "패치 {patches}개 중 {k}개를 지우면 확률이 50 %를 지나는 클래스: {name}.",
        "no_change": "패치를 아무리 지워도 두 클래스 모두 50 %를 지나지 않습니다.",
        "about": "확률이 가장 높은 클래스는 {predicted}({p})이고 레이블 {label}의 확률은 {q}입니다. 클래스마다 "
        "확률을 따로 매기므로 합이 100 %가 되지 않습니다.",
        "about_right": "확률이 가장 높은 클래스는 {predicted}({p})이며 이 이미지의 레이블입니다. 2위는 {second}({q})"
        "입니다. 클래스마다 확률을 따로 매기므로 합이 100 %가 되지 않습니다.",
        "about_unknown": "확률이 가장 높은 클래스는 {predicted}({p})입니다. 레이블 {label}: 이 모델에 없는 "
        "클래스입니다. 2위는 {second}({q})입니다. 클래스마다 확률을 따로 매기므로 합이 100 %가 되지 않습니다.",
        "about_first_change": "패치 {patches}개 중 {k}개를 지우면 확률이 50 %를 지나는 클래스: {name}.",
        "about_no_change": "패치를 지워도 두 클래스 모두 50 %를 지나지 않습니다.",
    },
}

#: What See why says with both models of a comparison, beside the sentences above.
BOTH = {
    "en": {
        "both_which": "Which model",
        "both_which_help": "A is the other evaluation, B the one on this page. Erasing patches and switching off heads "
        "works with one model at a time.",
        "both_show_both": "A and B",
        "both_show_a": "only A",
        "both_show_b": "only B",
        "both_right": "Predicts {name}, {percent}: right.",
        "both_wrong": "Predicts {name}, {percent}: wrong.",
        "both_unknown": "Predicts {name}, {percent}.",
        "both_predicted": "predicted by {sides}",
        "both_none": "Not a class of this model.",
        "both_scale": "one scale for A and B: 100 % is the strongest patch of each model",
        "both_reading": "{side}, row {row}, column {col}: {values}",
        "both_hint": "Point at a picture to read the same place in both models.",
        "both_hint_apart": "Point at a picture to read a patch's values.",
        "both_grid": "A divides the picture into {a} patches, B into {b}: a patch of one is not a patch of the other.",
        "both_part": "A and B see different parts of the picture, because their input size or framing differs.",
        "both_not": "**Compare where the evidence lies, not how much there is.** Evidence has no unit, and its size "
        "differs from model to model. Each model's maps are therefore divided by its own strongest patch.",
    },
    "ko": {
        "both_which": "모델 선택",
        "both_which_help": "A는 비교할 평가, B는 이 페이지의 평가입니다. 패치를 지우거나 헤드를 끄는 것은 한 번에 한 "
        "모델에서만 할 수 있습니다.",
        "both_show_both": "A와 B",
        "both_show_a": "A만",
        "both_show_b": "B만",
        "both_right": "예측: {name}, {percent}, 맞음.",
        "both_wrong": "예측: {name}, {percent}, 틀림.",
        "both_unknown": "예측: {name}, {percent}.",
        "both_predicted": "{sides}의 예측",
        "both_none": "이 모델에 없는 클래스입니다.",
        "both_scale": "A와 B에 같은 눈금: 모델마다 근거가 가장 큰 패치가 100 %",
        "both_reading": "{side}, {row}행 {col}열: {values}",
        "both_hint": "그림에 포인터를 올리면 두 모델에서 같은 자리의 값이 나옵니다.",
        "both_hint_apart": "그림에 포인터를 올리면 패치의 값이 나옵니다.",
        "both_grid": "A는 이미지를 패치 {a}개로, B는 {b}개로 나눕니다. 두 모델의 패치는 서로 크기가 다릅니다.",
        "both_part": "입력 크기나 이미지 범위가 달라서 A와 B가 보는 부분이 서로 다릅니다.",
        "both_not": "**근거의 크기가 아니라 위치를 비교하세요.** 근거에는 단위가 없고, 그 크기는 모델마다 다릅니다. "
        "그래서 각 모델의 맵을 그 모델에서 가장 큰 패치의 값으로 나누었습니다.",
    },
}
