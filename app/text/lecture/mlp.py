"""The MLP."""

EN = {
    "kicker": "Step 3 · Encoder",
    "title": "What does the MLP do with one patch?",
    "text": "Attention has mixed the patches; the MLP now works on **each one alone**: {dim} values become {hidden}, and "
            "{dim} again.\n$mlp$\nOf the {hidden} hidden values of {where}, **{positive}** lie above zero: GELU lets them "
            "pass and presses the others towards zero. Try [another patch](at=0) or the [last layer](layer=99).",
    "outline": "The MLP sees one token at a time.\nThe width grows, then shrinks again.\nMost of the parameters are here.",
    "curve": "Where do the hidden values lie on the curve?",
    "hidden": "hidden values of {where}",
    "x": "before", "y": "after",
}

KO = {
    "kicker": "3단계 · 인코더",
    "title": "MLP는 패치 하나로 무엇을 할까?",
    "text": "어텐션이 패치를 섞고 나면, MLP는 **토큰마다 따로** 계산합니다. {dim}개 값이 {hidden}개로 늘었다가 다시 {dim}개가 "
            "됩니다.\n$mlp$\n{where}의 은닉값 {hidden}개 가운데 **{positive}**개가 0보다 큽니다. GELU는 이 값을 "
            "통과시키고 나머지는 0 쪽으로 누릅니다. [다른 패치](at=0)나 [마지막 레이어](layer=99)를 골라 보세요.",
    "outline": "MLP는 한 번에 토큰 하나만 봅니다.\n"
               "폭이 넓어졌다가 다시 줄어듭니다.\n파라미터의 대부분이 여기에 있습니다.",
    "curve": "은닉값은 곡선의 어디에 있을까?",
    "hidden": "{where}의 은닉값",
    "x": "활성화 전", "y": "활성화 후",
}

MATH = {"mlp": r"\operatorname{MLP}(x) = W_2\, \operatorname{GELU}(W_1 x + b_1) + b_2"}
