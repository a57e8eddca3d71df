"""Words of the scene "mlp"."""

EN = {
    "kicker": "Step 3 · MLP",
    "title": "What does the MLP do with one patch?",
    "text": "Attention has mixed the tokens; the MLP works on **each one alone**: {dim} values become {hidden}, "
    "and {dim} again. Computed without the other tokens, the result differs by **{alone}**.\n"
    "For {where}, **{positive}** of {hidden} hidden values are above zero: {activation} lets them pass and "
    "pushes the others towards zero.\n"
    "A [hidden unit](map=true) is active on some patches and not on others ([picture](map=false)). Compare the "
    "[first layer](layer=0) with the [last](layer=999).\n"
    "MLPs hold **{of_model}** of this model's parameters, {of_block} of each block's.",
    "outline": "Attention moves information between tokens; the MLP works on each token, with the same weights.\n"
    "The width grows, passes the activation, and shrinks again. Without the activation, the two layers would be "
    "one matrix.\n"
    "GELU multiplies x by the probability that a standard normal value lies below it (Hendrycks & Gimpel 2016, "
    "arXiv:1606.08415).\n"
    "A unit's map shows where its value is large, not what it means. The head reads its direction directly; "
    "later layers may change it (Geva et al. 2022, arXiv:2203.14680).",
    "gelu": "GELU",
    "gelu_tanh": "GELU (tanh)",
    "quick_gelu": "QuickGELU",
    "silu": "SiLU",
    "widths": "How wide is the vector at each step?",
    "read": "input",
    "hidden": "hidden",
    "gate": "hidden (gate)",
    "activated": "activated",
    "written": "output",
    "size": "{n}, ±{reach}",
    "up": "W₁: {from} → {to}",
    "up_glu": "W₁: {from} → 2 × {to}",
    "act": "{name}",
    "act_glu": "{name}(gate) × value",
    "down": "W₂: {from} → {to}",
    "which": "Which token?",
    "where": "Where is it active?",
    "show": "Over the picture",
    "picture": "Picture",
    "unit": "Unit {n}",
    "register": "R{n}",
    "curve": "Where on the {name} curve?",
    "before": "before",
    "after": "after",
    "density": "distribution of the hidden values",
    "by": "Hendrycks 2016",
    "most": "Most active units?",
    "most_unit": "unit {n}",
    "adds": "Unit {n} adds a vector of norm {norm}.",
    "says": "Read by the head, it raises {for} most and lowers {against} most.",
}

KO = {
    "kicker": "3단계 · MLP",
    "title": "MLP는 패치 하나로 무엇을 할까?",
    "text": "어텐션이 토큰을 섞고 나면, MLP는 **토큰마다 따로** 계산합니다. {dim}개 값이 {hidden}개로 늘었다가 "
    "다시 {dim}개가 됩니다. 다른 토큰 없이 계산해도 결과의 차이는 **{alone}**입니다.\n"
    "{where}: 은닉값 {hidden}개 가운데 **{positive}**개가 0보다 큽니다. {activation} 함수는 이 값을 통과시키고 "
    "나머지는 0 쪽으로 누릅니다.\n"
    "[은닉 유닛](map=true) 하나는 어떤 패치에서는 켜지고 다른 패치에서는 꺼집니다([이미지](map=false)). [첫 "
    "레이어](layer=0)와 [마지막 레이어](layer=999)를 비교해 보세요.\n"
    "이 모델 파라미터의 **{of_model}**, 블록 하나에서는 {of_block}가 MLP에 있습니다.",
    "outline": "어텐션은 토큰 사이로 정보를 옮기고, MLP는 같은 가중치로 토큰 하나하나를 계산합니다.\n"
    "폭이 넓어지고, 활성화 함수를 지나, 다시 좁아집니다. 활성화 함수가 없으면 두 레이어는 행렬 하나와 같습니다.\n"
    "GELU는 표준 정규분포의 값이 x보다 작을 확률을 x에 곱합니다(Hendrycks & Gimpel 2016, arXiv:1606.08415).\n"
    "유닛의 맵은 값이 큰 곳을 보여 줄 뿐, 의미를 보여 주지는 않습니다. 헤드로 바로 읽은 방향은 뒤의 레이어가 "
    "바꿀 수 있습니다(Geva et al. 2022, arXiv:2203.14680).",
    "gelu": "GELU",
    "gelu_tanh": "GELU (tanh)",
    "quick_gelu": "QuickGELU",
    "silu": "SiLU",
    "widths": "벡터는 얼마나 넓어질까?",
    "read": "입력",
    "hidden": "은닉값",
    "gate": "은닉값(게이트)",
    "activated": "활성화 후",
    "written": "출력",
    "size": "{n}, ±{reach}",
    "up": "W₁: {from} → {to}",
    "up_glu": "W₁: {from} → 2 × {to}",
    "act": "{name}",
    "act_glu": "{name}(게이트) × 값",
    "down": "W₂: {from} → {to}",
    "which": "어느 토큰일까?",
    "where": "이 유닛은 어디에서 켜질까?",
    "show": "이미지 위에 표시",
    "picture": "이미지",
    "unit": "유닛 {n}",
    "register": "R{n}",
    "curve": "{name} 곡선의 어디에 있을까?",
    "before": "활성화 전",
    "after": "활성화 후",
    "density": "은닉값의 분포",
    "by": "Hendrycks 2016",
    "most": "가장 활발한 유닛은?",
    "most_unit": "유닛 {n}",
    "adds": "유닛 {n}: 더하는 벡터의 노름 {norm}.",
    "says": "헤드로 바로 읽으면 {for} 쪽을 가장 많이 올리고 {against} 쪽을 가장 많이 내립니다.",
}

MATH = {
    "mlp": r"W_2\, \phi(W_1 x + b_1) + b_2",
    "glu": r"W_2 (\phi(W_g x) \odot W_v x) + b_2",
    "gelu": r"\phi(x) = x\, \Phi(x)",
    "gelu_tanh": r"\phi(x) \approx x\, \Phi(x)",
    "quick_gelu": r"\phi(x) = x\, \sigma(1.702\, x)",
    "silu": r"\phi(x) = x\, \sigma(x)",
}
