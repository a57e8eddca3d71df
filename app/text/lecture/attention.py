"""Words of the scene "attention"."""

EN = {
    "kicker": "Step 3 · Multi-Head Attention",
    "title": "How does one token choose what to read?",
    "text": "$attention$\n"
    "The query of **{query}** and the key of {key}: $dot$ = {score}. Scaling and softmax turn it into a "
    "[weight](step=softmax) of **{weight}**; the values, so weighted, are [added up](step=sum).\n"
    "$dot$ adds {d} products, so its variance grows with $d$: here {before}, after scaling {after}. [Without "
    "the scale](temperature=none), softmax saturates and its gradients vanish; [t = 1](temperature=1) is the "
    "model's own. Now: largest weight **{top}**, entropy **{entropy}** bits.\n"
    "[All {heads} heads](tab=heads) do this in parallel.",
    "outline": "One query, one head: score, scale, softmax, sum.\n"
    "The scale keeps softmax out of the region where its gradient is tiny (Vaswani et al. 2017, section 3.2.1 "
    "and footnote 4).\n"
    "Move the temperature: the same scores give a sharper or a flatter choice.\n"
    "All heads: split, attend, concatenate, project. Heads attend to different places.",
    "one": "One head",
    "heads": "All heads",
    "tab": "What is shown",
    "query_label": "Query",
    "key_label": "Key",
    "rank": "no. {n} by weight",
    "pick": "Click: query. Hover: key.",
    "picture": "The picture with a map over all keys of the chosen query",
    "step_scores": "1  Do query and key match?",
    "step_scaled": "2  How large?",
    "step_softmax": "3  What share does this key get?",
    "step_sum": "4  What does the token receive?",
    "map_scores": "q·k",
    "map_scaled": "scaled score",
    "map_softmax": "weight",
    "map_sum": "weight × length of v",
    "product": "q × k",
    "total": "sum",
    "temperature": "Temperature t",
    "none": "1/√d",
    "bars": "{n} keys with most weight",
    "all_bars": "all {n} keys, sorted by weight",
    "line": "line: t = 1 (the model)",
    "largest": "largest {top}",
    "bits": "{entropy} bits",
    "split": "1  Split into heads",
    "attend": "2  Attend: who looks where?",
    "join": "3  Concatenate the heads' sums",
    "project": "4  Project: mix the heads",
    "normed": "(normalised first)",
    "head_n": "head {n}",
}

KO = {
    "kicker": "3단계 · 멀티 헤드 어텐션",
    "title": "토큰 하나는 무엇을 읽을지 어떻게 고를까?",
    "text": "$attention$\n"
    "**{query}**의 쿼리와 {key}의 키를 내적하면 $dot$ = {score}입니다. 스케일링과 소프트맥스를 거친 "
    "[가중치](step=softmax)는 **{weight}**이고, 이 가중치로 밸류를 [모두 더합니다](step=sum).\n"
    "$dot$에서는 곱 {d}개를 더하므로 $d$가 클수록 분산이 커집니다. 이 헤드에서는 {before}, 나눈 뒤에는 "
    "{after}입니다. [나누지 않으면](temperature=none) 소프트맥스가 포화되어 그래디언트가 사라집니다. [t = "
    "1](temperature=1)이 모델 그대로입니다. 지금 최대 가중치는 **{top}**, 엔트로피는 **{entropy}**비트입니다.\n"
    "[헤드 {heads}개](tab=heads)가 이 계산을 나란히 합니다.",
    "outline": "쿼리 하나, 헤드 하나로 봅니다. 점수, 스케일링, 소프트맥스, 가중합 순서입니다.\n"
    "√d로 나누어야 소프트맥스가 그래디언트가 거의 없는 구간에 빠지지 않습니다(Vaswani et al. 2017, 3.2.1절, "
    "각주 4).\n"
    "온도를 움직여 보세요. 같은 점수라도 선택이 날카로워지거나 평평해집니다.\n"
    "모든 헤드는 나누고, 어텐션하고, 이어 붙이고, 투영합니다. 헤드마다 보는 곳이 다릅니다.",
    "one": "헤드 하나",
    "heads": "모든 헤드",
    "tab": "보기",
    "query_label": "쿼리",
    "key_label": "키",
    "rank": "가중치 {n}위",
    "pick": "패치를 누르면 쿼리, 가리키면 키가 됩니다.",
    "picture": "고른 쿼리에 대한 모든 키의 값을 겹친 이미지",
    "step_scores": "1  쿼리와 키가 잘 맞을까?",
    "step_scaled": "2  나누면 얼마나 클까?",
    "step_softmax": "3  이 키의 몫은 얼마일까?",
    "step_sum": "4  토큰은 무엇을 받을까?",
    "map_scores": "q·k",
    "map_scaled": "나눈 점수",
    "map_softmax": "가중치",
    "map_sum": "가중치 × v의 길이",
    "product": "q × k",
    "total": "합",
    "temperature": "온도 t",
    "none": "1/√d",
    "bars": "가중치가 큰 키 {n}개",
    "all_bars": "키 {n}개, 가중치가 큰 순서",
    "line": "선: t = 1, 모델 그대로",
    "largest": "최대 {top}",
    "bits": "{entropy}비트",
    "split": "1  헤드로 나누기",
    "attend": "2  어텐션: 어디를 볼까?",
    "join": "3  이어 붙이기: 헤드별 합을 나란히",
    "project": "4  투영: 헤드들을 섞기",
    "normed": "(정규화한 뒤)",
    "head_n": "헤드 {n}",
}

MATH = {"attention": r"\operatorname{softmax}\left(\frac{q K^\top}{\sqrt{d}}\right) V", "dot": r"q \cdot k", "d": "d"}
