"""Words of the scene "encoder"."""

_WIRED_EN = (
    "A stream of {shape} values passes {layers} blocks. The **same weights** are wired twice: as the "
    "standard encoder, with a [Norm](place=norm1) after each [sum](place=sum1), and as trained "
    "({trained}).\n"
    "The patches' mean norm goes from {first} to **{here}**; in the standard wiring, to **{standard}**.\n"
)
_WIRED_KO = (
    "{shape}개 값의 흐름이 블록 {layers}개를 지납니다. **같은 가중치**를 두 가지 방식으로 연결했습니다. "
    "하나는 [덧셈](place=sum1)마다 [정규화](place=norm1)가 뒤따르는 표준 인코더, 다른 하나는 이 모델이 "
    "학습된 구조({trained})입니다.\n"
    "패치의 평균 노름: {first} → **{here}**, 표준 구조에서는 → **{standard}**.\n"
)

EN = {
    "kicker": "Step 3 · Transformer encoder",
    "title": "Where does the Norm go, and what is the residual for?",
    "text": _WIRED_EN
    + "Without [residual connections](residual=false) (He 2016): {before} → **{after}**; the tokens' mean cosine: "
    "{cosine} → **{cosine_without}**. [Reconnect](residual=true)\n"
    "A model **trained** in the other wiring would predict something else.",
    "text_vector": _WIRED_EN
    + "Without [residual connections](residual=false) (He 2016), the {output} ends at a cosine of "
    "**{turned}** to the one with them, changed by {change} of its norm; the model names no classes. The tokens' mean "
    "cosine: {cosine} → **{cosine_without}**. [Reconnect](residual=true)",
    "outline": "Both diagrams have the same parts: Multi-Head Attention, MLP, two Norms, two sums.\n"
    "Post-norm (Vaswani et al. 2017, section 3.1) normalises the stream itself. Pre-norm leaves one path from "
    "input to output without Norms; it trains stably without warm-up (Xiong et al. 2020, arXiv:2002.04745).\n"
    "Switch the residual connections off (He et al. 2016, arXiv:1512.03385): what a block does not write is "
    "lost.\n"
    "Attention alone makes all tokens similar, faster with depth (Dong et al. 2021, arXiv:2103.03404).",
    "trained_pre": "pre-norm",
    "trained_res_post": "res-post-norm",
    "trained_parallel": "parallel",
    "changed": "{label} ({p})",
    "register": "R{n}",
    "name_standard": "Standard",
    "name_pre": "ViT",
    "name_res_post": "This model",
    "name_parallel": "This model",
    "by_standard": "Vaswani 2017",
    "by_pre": "pre-norm, Xiong 2020",
    "by_res_post": "Liu 2022",
    "by_parallel": "Dehghani 2023",
    "residual": "Residuals",
    "token": "Which token's norms?",
    "is_norm1": "Norm",
    "is_norm2": "Norm",
    "is_mlp": "MLP",
    "is_attention": "Multi-Head",
    "is_attention2": "Attention",
    "is_sum1": "+",
    "is_sum2": "+",
    "at_x": "the input x",
    "at_norm1": "the first Norm",
    "at_norm2": "the second Norm",
    "at_attention": "Multi-Head Attention",
    "at_mlp": "the MLP",
    "at_sum1": "the first sum",
    "at_sum2": "the second sum",
    "part": "{shown}, {part}: norm {norm}",
    "vector": "After {part}",
    "vector_x": "Input of the block",
    "size": "{shape}, norm {norm}",
    "no_part": "not in this wiring",
    "chart": "Does the norm grow with depth?",
    "after": "after layer",
    "norm": "L2 norm",
    "key_class": "class token",
    "key_other_on": "faint: without residual",
    "key_other_off": "faint: with residual",
    "ends": "What is predicted?",
    "ends_vector": "How does the {output} change?",
    "changed_by": "cosine {cosine}, change {change}",
    "with": "residual",
    "without": "no residual",
    "nothing": "–",
    "diagram": "{name}: the block, and the L2 norm of {where} after each part",
}

KO = {
    "kicker": "3단계 · 트랜스포머 인코더",
    "title": "정규화는 어디에 두고, 잔차 연결은 왜 있을까?",
    "text": _WIRED_KO
    + "[잔차 연결](residual=false)(He 2016)을 끊으면 예측은 {before} → **{after}**, 토큰끼리의 평균 코사인은 "
    "{cosine} → **{cosine_without}**. [다시 연결](residual=true)\n"
    "구조를 바꾼 가중치는 학습한 적 없는 계산을 합니다. 처음부터 그 구조로 **학습한** 모델이라면 결과가 "
    "다릅니다.",
    "text_vector": _WIRED_KO + "[잔차 연결](residual=false)(He 2016)을 끊으면 {output}의 코사인은 연결할 때와 비교해 "
    "**{turned}**, 변화는 노름의 {change}입니다(클래스가 없는 모델). 토큰끼리의 평균 코사인은 {cosine} → "
    "**{cosine_without}**. [다시 연결](residual=true)",
    "outline": "두 그림의 부품은 같습니다: 멀티 헤드 어텐션, MLP, 정규화 둘, 덧셈 둘.\n"
    "Post-norm(Vaswani et al. 2017, 3.1절)은 흐름 자체를 정규화합니다. Pre-norm은 입력에서 출력까지 정규화 없는 "
    "길을 하나 남겨, 워밍업 없이도 안정적으로 학습됩니다(Xiong et al. 2020, arXiv:2002.04745).\n"
    "잔차 연결(He et al. 2016, arXiv:1512.03385)을 끄면 블록이 쓰지 않은 정보는 사라집니다.\n"
    "어텐션만 쌓으면 깊어질수록 모든 토큰이 빠르게 같아집니다(Dong et al. 2021, arXiv:2103.03404).",
    "trained_pre": "pre-norm",
    "trained_res_post": "res-post-norm",
    "trained_parallel": "병렬",
    "changed": "{label} ({p})",
    "register": "R{n}",
    "name_standard": "표준",
    "name_pre": "ViT",
    "name_res_post": "이 모델",
    "name_parallel": "이 모델",
    "by_standard": "Vaswani 2017",
    "by_pre": "pre-norm, Xiong 2020",
    "by_res_post": "Liu 2022",
    "by_parallel": "Dehghani 2023",
    "residual": "잔차 연결",
    "token": "어느 토큰의 노름일까?",
    "is_norm1": "정규화",
    "is_norm2": "정규화",
    "is_mlp": "MLP",
    "is_attention": "멀티 헤드",
    "is_attention2": "어텐션",
    "is_sum1": "+",
    "is_sum2": "+",
    "at_x": "입력 x",
    "at_norm1": "첫 번째 정규화",
    "at_norm2": "두 번째 정규화",
    "at_attention": "멀티 헤드 어텐션",
    "at_mlp": "MLP",
    "at_sum1": "첫 번째 덧셈",
    "at_sum2": "두 번째 덧셈",
    "part": "{shown}, {part}: 노름 {norm}",
    "vector": "{part} 뒤의 벡터",
    "vector_x": "블록의 입력 벡터",
    "size": "{shape}, 노름 {norm}",
    "no_part": "이 구조에는 없음",
    "chart": "깊어지면 노름도 커질까?",
    "after": "지나온 레이어",
    "norm": "L2 노름",
    "key_class": "클래스 토큰",
    "key_other_on": "흐린 선: 잔차 없음",
    "key_other_off": "흐린 선: 잔차 있음",
    "ends": "무엇이라고 예측할까?",
    "ends_vector": "{output}: 얼마나 바뀔까?",
    "changed_by": "코사인 {cosine}, 변화 {change}",
    "with": "잔차 있음",
    "without": "잔차 없음",
    "nothing": "–",
    "diagram": "{name}: 블록의 구조와 각 부품 뒤의 L2 노름, {where}",
}

MATH = {
    "post": r"\operatorname{Norm}(x + f(x))",
    "pre": r"x + f(\operatorname{Norm}(x))",
    "res_post": r"x + \operatorname{Norm}(f(x))",
    "parallel": r"x + (f + g)(\operatorname{Norm}(x))",
}
