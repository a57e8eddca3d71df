"""The sentences of the list of evaluations on the page "Mistakes"."""

EN = {
    "mistakes.earlier": "All evaluations",
    "mistakes.earlier.manage": "Manage",
    "mistakes.earlier.text": "Each evaluation belongs to the weights that it was made with. Evaluating a model again "
    "after training adds a new one. Select a row to show, name or delete that evaluation.",
    "mistakes.earlier.name": "Evaluation",
    "mistakes.earlier.model": "Model",
    "mistakes.earlier.date": "Finished",
    "mistakes.earlier.accuracy": "Accuracy, %",
    "mistakes.earlier.pictures": "Pictures",
    "mistakes.earlier.digest": "Weights",
    "mistakes.earlier.count": "{count:picture|pictures}",
    "mistakes.earlier.weights": "weights {digest}",
    "mistakes.earlier.own": "Name",
    "mistakes.earlier.note": "Note",
    "mistakes.earlier.show": "Show",
    "mistakes.earlier.save": "Save",
    "mistakes.earlier.delete": "Delete",
    "mistakes.earlier.running": "It is running. Stop it first.",
    "mistakes.earlier.sure": "Delete this evaluation ({size} MB)? Links to it no longer work. The pictures and the "
    "model stay where they are.",
    "mistakes.earlier.yes": "Delete {size} MB",
    "mistakes.earlier.no": "Keep",
}

KO = {
    "mistakes.earlier": "모든 평가",
    "mistakes.earlier.manage": "관리",
    "mistakes.earlier.text": "평가마다 그때 쓴 가중치에 묶여 있습니다. 모델을 다시 학습하고 평가하면 새 평가가 "
    "추가됩니다. 행을 고르면 그 평가를 열거나 이름을 붙이거나 삭제할 수 있습니다.",
    "mistakes.earlier.name": "평가",
    "mistakes.earlier.model": "모델",
    "mistakes.earlier.date": "끝난 시각",
    "mistakes.earlier.accuracy": "정확도 %",
    "mistakes.earlier.pictures": "이미지",
    "mistakes.earlier.digest": "가중치",
    "mistakes.earlier.count": "이미지 {count}장",
    "mistakes.earlier.weights": "가중치 {digest}",
    "mistakes.earlier.own": "이름",
    "mistakes.earlier.note": "메모",
    "mistakes.earlier.show": "열기",
    "mistakes.earlier.save": "저장",
    "mistakes.earlier.delete": "삭제",
    "mistakes.earlier.running": "평가하는 중입니다. 먼저 중지하세요.",
    "mistakes.earlier.sure": "이 평가({size} MB)를 삭제할까요? 이 평가로 가는 링크는 더 이상 열리지 않습니다. 이미지와 "
    "모델은 그대로 남습니다.",
    "mistakes.earlier.yes": "{size} MB 삭제",
    "mistakes.earlier.no": "그대로 두기",
}
