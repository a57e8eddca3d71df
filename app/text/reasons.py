"""The words of Explore's comparison of attribution methods; those in its cards are See why's."""

EN = {
    "reasons.title": "Why this class?",
    "reasons.class": "Class",
    "reasons.not": "**The maps.** Each one shows how much each patch speaks for the class, on a scale of its own; "
    "where a method has evidence against the class too, it is blue. **Deletion** erases the patches in the map's "
    "order and follows the class's score: a small area is good. **Insertion** brings them back: a large area is good. "
    "Eight steps, filled with the mean colour. Random maps tell what chance gets; do not trust a map that is no "
    "better. A map says which patches the model used, not whether it was right to use them.",
}

KO = {
    "reasons.title": "왜 이 클래스일까요?",
    "reasons.class": "클래스",
    "reasons.not": "**맵.** 맵마다 패치가 이 클래스를 얼마나 뒷받침하는지 자기 눈금으로 보여 줍니다. 반대되는 "
    "근거까지 나오는 방법에서는 그 근거가 파란색입니다. **삭제**는 맵의 순서대로 패치를 지우면서 클래스의 점수를 "
    "따라가며, 넓이가 작을수록 좋습니다. **삽입**은 패치를 되살리며, 넓이가 클수록 좋습니다. 8단계, 평균색으로 "
    "채웁니다. 무작위 맵은 우연히 얻는 값을 보여 주니, 그보다 낫지 않은 맵은 믿지 마세요. 맵은 모델이 어느 패치를 "
    "썼는지 말할 뿐, 그것이 옳았는지는 말하지 않습니다.",
}

#: In place of See why's words: the cards are small, and a fold has the explanation.
CARDS = {
    "en": {
        "compare_title": "",
        "compare_note": "",
        "compare_curves": "",
        "compare_better": "✓",
        "compare_no_better": "–",
        "compare_done": "✓ better than 95 % of random maps, – no better",
    },
    "ko": {
        "compare_title": "",
        "compare_note": "",
        "compare_curves": "",
        "compare_better": "✓",
        "compare_no_better": "–",
        "compare_done": "✓ 무작위 맵의 95 %보다 나음, – 차이 없음",
    },
}
