"""Words of the scene "positions". The worked example keeps the deck's three Korean words in both languages."""

_SET_EN = "Attention treats tokens as a set and does not know their positions. {say_front}"
_ADDED_EN = (
    _SET_EN + ", and [a position is added](tab=sum) to each token: {prefix} + {patches} = {tokens} tokens of {dim} "
    "values.\n"
    "Positions follow [a formula](tab=formula) or are learned; [compare the two](tab=compare).\n"
)
_SET_KO = "어텐션은 토큰을 집합으로 다루므로 위치를 모릅니다. {say_front} "
_COUNT_KO = "토큰은 {prefix} + {patches} = {tokens}개이고, 각각 {dim}차원입니다.\n"
_ADDED_KO = (
    _SET_KO + "토큰마다 [위치를 더합니다](tab=sum). " + _COUNT_KO + "위치는 [수식](tab=formula)으로 정하거나 "
    "학습합니다. "
    "[둘을 비교](tab=compare)해 봅시다.\n"
)

_ROTARY_EN = (
    "Attention treats tokens as a set. {say_front}: {prefix} + {patches} = {tokens} tokens of {dim} values. [Nothing "
    "is added](tab=sum): **rotary** positions (Su et al. 2021) rotate each layer's queries and keys by row and "
    "column:\n"
    "$rotary$\n"
    "Only the offset between two patches counts. Other models add [a formula](tab=formula) or learned positions.\n"
)
_ROTARY_KO = (
    _SET_KO + _COUNT_KO + "이 모델은 **회전** 위치 임베딩(Su et al. 2021)을 쓰므로 [더하는 것이 없습니다](tab=sum). "
    "레이어마다 쿼리와 키를 패치의 행과 열만큼 회전합니다.\n"
    "$rotary$\n"
    "두 패치의 상대 위치만 남습니다. 다른 모델은 [수식](tab=formula)이나 학습한 위치를 더합니다.\n"
)

EN = {
    "kicker": "Step 2 · Position embedding",
    "title": "How does the model know where a patch is?",
    "text": _ADDED_EN + "Probability of **{answer}**: {p0} unchanged, {p1} without the patches' positions, {p2} with "
    "[shuffled](tab=compare, seed=1) positions.",
    "text_vector": _ADDED_EN + "The model names no classes, so its {output} is compared with the unchanged one: cosine "
    "**{cosine1}** without the patches' positions (changed by {change1} of its norm), **{cosine2}** with "
    "[shuffled](tab=compare, seed=1) positions ({change2}).",
    "text_rope": _ROTARY_EN + "Probability of **{answer}**: {p0} unchanged, {p1} without rotation, {p2} with "
    "[shuffled](tab=compare, seed=1) positions.",
    "text_rope_vector": _ROTARY_EN + "Cosine of the {output} to the unchanged one: **{cosine1}** without rotation, "
    "**{cosine2}** with [shuffled](tab=compare, seed=1) positions.",
    "text_bare": _SET_EN + ": {prefix} + {patches} = {tokens} tokens of {dim} values.\n"
    "This model has no positions: [nothing is added](tab=sum), and it cannot tell a shuffled picture from the "
    "original. "
    "Other models add [a formula](tab=formula) or learned positions.",
    "front_none": "No token goes in front",
    "front_class": "A class token goes in front",
    "front_two": "A class token and a distillation token go in front",
    "front_many": "{n} tokens go in front, the class token first",
    "front_registers": "{n} registers go in front",
    "outline": "To attention, the same patches in another order are the same set: it needs to be told their "
    "positions.\n"
    "The paper's ViT-B/16: 1 + 14 · 14 = 197 tokens of 768 values, so 197 × 768 learned positions.\n"
    "Position and content are simply added; the network learns to tell them apart.\n"
    "The worked example: the printed deck has 0.25, 0.99, 0.01, 0.99 for the second word; its formula gives 0.84, "
    "0.54, 0.01, 1.00.\n"
    "A learned embedding discovers rows and columns by itself. Shuffle it and watch the prediction.",
    "tabs": "What to show",
    "sum": "Sum",
    "formula": "By formula",
    "compare": "Compare",
    "token": "Token",
    "tokens": "Tokens",
    "positions": "Positions",
    "sums": "Input of layer 1",
    "in_front": "In front (framed): {names}",
    "none_in_front": "This model has no token in front.",
    "shape": "{tokens} × {dim}",
    "scale": "shared scale",
    "beyond": "{sign} {value}",
    "row": "{where}, its {dim} values",
    "normed": "A Norm is applied before layer 1.",
    "none": "This model has no learned position embedding: nothing is added.",
    "rotary": "Rotary positions: nothing is added.",
    "none_map": "This model has no learned position embedding.",
    "no_sinusoid": "The width must be a multiple of {n}; this model's is {dim}.",
    "example": "나는 학생 입니다: what does the formula give for d = {width}?",
    "words": "나는 학생 입니다",
    "word": "{word} (pos = {pos})",
    "wave": "{name}(pos/{rate})",
    "embedding": "embedding of {word}",
    "with": "sum for {word}",
    "waves": "And for {patches} patches?",
    "waves_axes": "↓ position → channel",
    "picture": "Which patch?",
    "learned": "Learned",
    "one": "Formula, 1-D",
    "two": "Formula, 2-D",
    "similarity": "cosine similarity to {where}",
    "answers": "How does the prediction change?",
    "moves": "How does the {output} change?",
    "cosine": "cosine",
    "relative": "change",
    "unchanged": "unchanged",
    "removed": "no positions",
    "shuffled": "shuffled",
    "change": "change for {answer}",
    "points": "{n} points",
    "puzzle": "Shuffled picture",
    "again": "Shuffle again",
}

KO = {
    "kicker": "2단계 · 위치 임베딩",
    "title": "모델은 패치의 위치를 어떻게 알까?",
    "text": _ADDED_KO
    + "**{answer}** 확률: 그대로 {p0}, 패치의 위치를 없애면 {p1}, [섞으면](tab=compare, seed=1) {p2}.",
    "text_vector": _ADDED_KO
    + "클래스가 없는 모델이므로 {output}의 변화를 잽니다. 그대로일 때와의 코사인: 패치의 위치를 없애면 "
    "**{cosine1}**(변화는 노름의 {change1}), [섞으면](tab=compare, seed=1) **{cosine2}**({change2}).",
    "text_rope": _ROTARY_KO
    + "**{answer}** 확률: 그대로 {p0}, 회전하지 않으면 {p1}, 위치를 [섞으면](tab=compare, seed=1) {p2}.",
    "text_rope_vector": _ROTARY_KO
    + "{output}: 그대로일 때와의 코사인은 회전하지 않으면 **{cosine1}**, 위치를 [섞으면](tab=compare, seed=1) "
    "**{cosine2}**입니다.",
    "text_bare": _SET_KO + _COUNT_KO + "이 모델은 위치 임베딩이 없어 [더하는 것이 없고](tab=sum), 섞은 이미지와 "
    "원래 이미지를 "
    "구별하지 못합니다. 다른 모델은 [수식](tab=formula)이나 학습한 위치를 더합니다.",
    "front_none": "맨 앞에 붙이는 토큰은 없습니다.",
    "front_class": "맨 앞에 클래스 토큰을 붙입니다.",
    "front_two": "맨 앞에 클래스 토큰과 증류 토큰을 붙입니다.",
    "front_many": "맨 앞에 클래스 토큰 등 토큰 {n}개를 붙입니다.",
    "front_registers": "맨 앞에 레지스터 {n}개를 붙입니다.",
    "outline": "순서를 바꿔도 어텐션에는 같은 집합입니다. 위치를 따로 알려 주어야 합니다.\n"
    "논문의 ViT-B/16이라면 1 + 14 · 14 = 197개 토큰, 각각 768차원입니다. 위치 임베딩도 197 × 768입니다.\n"
    "위치와 내용을 그냥 더합니다. 둘을 구별하는 법은 학습으로 배웁니다.\n"
    "예제: 인쇄된 자료에는 학생의 위치 벡터가 0.25, 0.99, 0.01, 0.99로 적혀 있지만, 수식대로 계산하면 0.84, 0.54, "
    "0.01, 1.00입니다.\n"
    "학습한 위치 임베딩은 행과 열을 스스로 찾아냅니다. 위치를 섞어서 예측이 어떻게 바뀌는지 보여 줍니다.",
    "tabs": "보기",
    "sum": "덧셈",
    "formula": "수식",
    "compare": "비교",
    "token": "토큰",
    "tokens": "토큰",
    "positions": "위치",
    "sums": "1번 레이어의 입력",
    "in_front": "맨 앞(테두리): {names}",
    "none_in_front": "이 모델은 앞에 붙이는 토큰이 없습니다.",
    "shape": "{tokens} × {dim}",
    "scale": "같은 색 범위",
    "beyond": "{sign} {value}",
    "row": "{where}, 값 {dim}개",
    "normed": "1번 레이어 앞에서 정규화를 거칩니다.",
    "none": "이 모델은 위치 임베딩을 학습하지 않아서 더하는 것이 없습니다.",
    "rotary": "회전 위치 임베딩이라 더하는 것이 없습니다.",
    "none_map": "이 모델은 위치 임베딩을 학습하지 않습니다.",
    "no_sinusoid": "차원이 {n}의 배수여야 합니다. 이 모델은 {dim}차원입니다.",
    "example": "나는 학생 입니다: d = {width}일 때 수식의 값은?",
    "words": "나는 학생 입니다",
    "word": "{word} (pos = {pos})",
    "wave": "{name}(pos/{rate})",
    "embedding": "{word} 임베딩",
    "with": "{word} 합",
    "waves": "패치 {patches}개라면?",
    "waves_axes": "↓ 위치 → 채널",
    "picture": "기준 패치는?",
    "learned": "학습한 위치",
    "one": "수식, 1차원",
    "two": "수식, 2차원",
    "similarity": "{where} 패치와의 코사인 유사도",
    "answers": "예측은 어떻게 바뀔까?",
    "moves": "{output}: 어떻게 바뀔까?",
    "cosine": "코사인",
    "relative": "변화",
    "unchanged": "그대로",
    "removed": "위치 없음",
    "shuffled": "섞음",
    "change": "{answer} 변화",
    "points": "{n}%p",
    "puzzle": "섞인 이미지",
    "again": "다시 섞기",
}

_ANGLE = r"\left(\frac{pos}{10000^{2i/d}}\right)"
MATH = {
    "rotary": r"(R_i\, q_i) \cdot (R_j\, k_j) = q_i \cdot (R_{j-i}\, k_j)",
    "sin": rf"PE_{{(pos,\,2i)}} = \sin{_ANGLE}",
    "cos": rf"PE_{{(pos,\,2i+1)}} = \cos{_ANGLE}",
}
