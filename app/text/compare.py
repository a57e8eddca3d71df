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
}

PAIR_KO = {
    "pair_part": "{name}: {part}",
    "pair_said": "{name}: {text}",
}
