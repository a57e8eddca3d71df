"""Words of the scene "features": what a patch resembles, layer by layer."""

_TEXT_EN = (
    "Each layer turns a patch into another vector of {dim} values, its **features**. Patches are alike to the model if "
    "the **cosine** of their features is near 1. {say_how}\n"
)
_LOOK_EN = (
    "Deep features are often alike within one object, whatever its colours (Amir et al. 2021). Check it on the map."
)
_TEXT_KO = (
    "패치는 레이어를 지날 때마다 새로운 {dim}차원 벡터, 곧 **특징**이 됩니다. 두 특징의 **코사인**이 1에 가까우면 "
    "모델에는 비슷한 패치입니다. {say_how}\n"
)
_LOOK_KO = (
    "깊은 레이어의 특징은 색이 달라도 같은 물체끼리 비슷할 때가 많습니다(Amir et al. 2021). 맵에서 확인해 보세요."
)

EN = {
    "kicker": "Step 3 · Features",
    "title": "What does a patch resemble?",
    "text": _TEXT_EN
    + "Are patches alike because their colours are alike? The rank correlation of both is **{colour_first}** "
    "[after layer 1](step=first), **{colour_middle}** [after layer {middle}](step=middle) and **{colour_last}** "
    "[after layer {last}](step=last). {say_course}\n" + _LOOK_EN,
    "text_plain": _TEXT_EN
    + "What is alike [after layer 1](step=first), [after layer {middle}](step=middle) and [after "
    "layer {last}](step=last)?\n" + _LOOK_EN,
    "falls": "It falls: deep features follow colour less.",
    "rises": "It rises: deep features follow colour more.",
    "steady": "It hardly changes.",
    "outline": "A patch starts as its pixels and its position. Every layer adds what it has read from other patches.\n"
    "Red panda, embedded model: the first patch is an eye. After layer 1 it is like dark and reddish patches, after "
    "layer 6 like the other eye, after layer 12 like the whole face.\n"
    "Cows, same model: a white patch. After layer 1 the black patches are among the least similar; after layer 12 they "
    "are among the most similar, as a part of the same cow.\n"
    "The range of the cosine differs between layers: compare the shapes, and read the numbers beside the scale.\n"
    "Colour is the mean RGB of a patch, place its row and column. A rank correlation of 1 means: the nearer, the more "
    "similar. In the middle layers, neighbours are often alike.",
    "map": "Which patches are like {where}?",
    "map_label": "The picture. The brighter a patch, the more its features are like those of the chosen one",
    "cosine": "cosine",
    "best": "Most similar: {best}, cosine {cosine}",
    "alone": "This picture has only one patch.",
    "point": "Point at any patch.",
    "click": "Click any patch; {patches} are too many to point at.",
    "depth": "How does that change from layer to layer?",
    "layer": "After layer",
    "shared": "What do similar patches share?",
    "colour": "colour",
    "place": "place",
    "x": "after layer",
    "y": "rank correlation, pairs of patches",
}

KO = {
    "kicker": "3단계 · 특징",
    "title": "패치는 무엇과 닮았을까?",
    "text": _TEXT_KO
    + "색이 비슷해서 특징도 비슷할까요? 둘의 순위 상관은 [1번 레이어 뒤](step=first) **{colour_first}**, "
    "[{middle}번 레이어 뒤](step=middle) **{colour_middle}**, [{last}번 레이어 뒤](step=last) **{colour_last}**입니다. "
    "{say_course}\n" + _LOOK_KO,
    "text_plain": _TEXT_KO + "[1번 레이어 뒤](step=first), [{middle}번 레이어 뒤](step=middle), [{last}번 레이어 "
    "뒤](step=last)에는 무엇이 비슷할까요?\n" + _LOOK_KO,
    "falls": "값이 낮아집니다. 깊은 레이어의 특징은 색을 덜 따릅니다.",
    "rises": "값이 높아집니다. 깊은 레이어의 특징은 색을 더 따릅니다.",
    "steady": "값은 거의 변하지 않습니다.",
    "outline": "패치는 처음에 픽셀과 위치뿐입니다. 레이어마다 다른 패치에서 읽은 것이 더해집니다.\n"
    "레서판다, 내장 모델: 처음 패치는 눈입니다. 1번 레이어 뒤에는 어둡고 붉은 패치와, 6번 레이어 뒤에는 다른 쪽 눈과, "
    "12번 레이어 뒤에는 얼굴 전체와 비슷합니다.\n"
    "젖소, 같은 모델: 흰 패치입니다. 1번 레이어 뒤에는 검은 패치와 아주 다르지만, 12번 레이어 뒤에는 같은 소의 검은 "
    "패치와도 비슷합니다.\n"
    "코사인의 범위는 레이어마다 다릅니다. 맵의 모양을 비교하고, 값은 색 띠의 숫자로 읽습니다.\n"
    "색은 패치의 평균 RGB, 위치는 행과 열입니다. 순위 상관이 1이면 가까울수록 비슷하다는 뜻입니다. 중간 레이어에서는 "
    "이웃한 패치끼리 비슷할 때가 많습니다.",
    "map": "{where} 패치와 비슷한 패치는?",
    "map_label": "이미지. 밝은 패치일수록 고른 패치와 특징이 비슷합니다",
    "cosine": "코사인",
    "best": "가장 비슷한 패치: {best}, 코사인 {cosine}",
    "alone": "이 이미지에는 패치가 하나뿐입니다.",
    "point": "이미지 위에서 패치를 가리켜 보세요.",
    "click": "이미지에서 패치를 눌러 보세요. 패치가 {patches}개라 포인터를 따라가지는 않습니다.",
    "depth": "레이어가 깊어지면 어떻게 바뀔까?",
    "layer": "레이어",
    "shared": "비슷한 패치는 무엇이 같을까?",
    "colour": "색",
    "place": "위치",
    "x": "이 레이어 뒤",
    "y": "순위 상관, 패치 쌍",
}

MATH = {}
