"""The words of Explore's comparison; the browser fills in the {braces} of PAIR_EN and PAIR_KO."""

EN = {
    "compare.button": "Compare with …",
    "compare.button.with": "Compared with {name}",
    "compare.stop": "Stop comparing",
    "compare.what": "Compare with",
    "compare.what.picture": "Another picture",
    "compare.what.model": "Another model",
    "compare.sample": "Sample picture",
    "compare.sample.none": "Choose a picture",
    "compare.upload": "A picture of your own",
    "compare.upload.stays": "An uploaded picture stays in this tab; it is not in the address.",
    "compare.model": "Model",
    "compare.model.none": "Choose a model",
    "compare.model.here": "The models on this computer. To download another, choose it in the model box at the left.",
    "compare.pictures": "Two pictures, one model: **{name}**",
    "compare.models": "Two models, one picture: **{name}**",
    "compare.download": "{name} is not on this computer, so it is not compared. Choose it in the model box at the left "
    "to download it.",
    "compare.failed": "{name} cannot be compared. {error}",
}

KO = {
    "compare.button": "비교하기 …",
    "compare.button.with": "비교 대상: {name}",
    "compare.stop": "비교 끝내기",
    "compare.what": "비교 대상",
    "compare.what.picture": "다른 이미지",
    "compare.what.model": "다른 모델",
    "compare.sample": "예제 이미지",
    "compare.sample.none": "이미지를 고르세요",
    "compare.upload": "내 이미지",
    "compare.upload.stays": "올린 이미지는 이 탭에만 있고 주소에는 들어가지 않습니다.",
    "compare.model": "모델",
    "compare.model.none": "모델을 고르세요",
    "compare.model.here": "이 컴퓨터에 있는 모델입니다. 다른 모델은 왼쪽 모델 상자에서 골라 내려받습니다.",
    "compare.pictures": "이미지 두 장, 모델 하나: **{name}**",
    "compare.models": "모델 두 개, 이미지 한 장: **{name}**",
    "compare.download": "{name} 모델이 이 컴퓨터에 없어 비교하지 않습니다. 왼쪽 모델 상자에서 골라 내려받으세요.",
    "compare.failed": "비교할 수 없습니다: {name}. {error}",
}

PAIR_EN = {
    "pair_part": "{name}: {part}",
    "pair_said": "{name}: {text}",
    "pair_title": "What is like {query} of “{name}” in {where}?",
    "pair_title_two": "What is like A and B of “{name}” in {where}?",
    "pair_best": "best match: {top}, {value}",
    "pair_mean": "cosine; mean of all patches {mean}",
    "pair_matches": "Draw matches",
    "pair_matches_title": "Lines between patches that are each other's most similar one, for the chosen layer",
    "pair_matches_count": "{shown} of {count} mutual matches",
}

PAIR_KO = {
    "pair_part": "{name}: {part}",
    "pair_said": "{name}: {text}",
    "pair_title": "{where}에서 ‘{name}’의 {query}와 닮은 곳은 어디일까?",
    "pair_title_two": "{where}에서 ‘{name}’의 A, B와 닮은 곳은 어디일까?",
    "pair_best": "가장 닮은 곳: {top}, {value}",
    "pair_mean": "코사인. 모든 패치의 평균 {mean}",
    "pair_matches": "대응선 그리기",
    "pair_matches_title": "고른 레이어에서 서로 가장 닮은 패치끼리 선으로 잇습니다",
    "pair_matches_count": "서로 가장 닮은 {count}쌍 가운데 {shown}쌍",
}
