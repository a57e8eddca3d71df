"""Words of the scene "language": self-attention in language and in vision."""

#: The first sentence in the field: the deck's, and its English translation.
FIRST = {"ko": "나는 학생 입니다", "en": "I am a student"}

_PRESETS = {
    "preset_1": FIRST["ko"],
    "preset_2": FIRST["en"],
    "preset_3": "고양이는 배가 고팠고 그래서 그것은 크게 울었다",
    "preset_4": "The cat drank the milk because it was thirsty",
}

EN = _PRESETS | {
    "kicker": "Self-attention · NLP and vision",
    "title": "What do words and patches have in common?",
    "text": "A sentence is a sequence of [tokens](step=tokens), and so is a picture. A token's "
    "[query](step=query) is compared with every [key](step=keys); the resulting [weights](step=weights) "
    "say how much of each value goes into its [sum](step=sum).\n"
    "In the sentence, **{word}** gives most weight to **{word_top}**: {word_share}. In the picture, **{patch}** "
    "gives most to **{patch_top}**: {patch_share}.\n"
    "The sentence's weights are **random, not trained**: the computation is real, but its pattern has no "
    "meaning. The picture's are from layer {layer}, head {head} of this model.",
    "outline": "Words or patches: after embedding, both are sequences of vectors.\n"
    "Query, key, weights, sum: the same four steps on both sides.\n"
    "No language model is loaded. The sentence's weights are random, so do not read meaning into them.\n"
    "Type a sentence of your own. The same word always has the same embedding; only its position differs.",
    "tokens": "Tokens",
    "query": "Queries",
    "keys": "Keys",
    "weights": "Matrix",
    "sum": "Weighted sum",
    "step": "Step of the computation",
    "sentence": "Sentence: {n} tokens, random weights",
    "image": "Picture: {n} tokens, this model",
    "field": "Sentence",
    "field_label": "Sentence, at most {limit} tokens",
    "presets": "Examples",
    "cut": "The first {n} tokens, random weights",
    "empty": "Type a sentence: without tokens there is nothing to attend to.",
    "query_label": "Query",
    "picture": "The picture with the weights of the chosen patch",
    "words_matrix": "Attention among the words: a row for each query, a column for each key",
    "matrix": "Attention among the patches: a row for each query, a column for each key",
    "axes": "rows q, columns k",
    "thinned": "averaged to {side} × {side}",
    "nobody": "no token",
}

KO = _PRESETS | {
    "kicker": "셀프 어텐션 · 언어와 비전",
    "title": "단어와 패치는 무엇이 같을까?",
    "text": "문장은 [토큰](step=tokens)의 나열이고, 이미지도 그렇습니다. 토큰의 [쿼리](step=query)를 모든 "
    "[키](step=keys)와 비교해 [가중치](step=weights)를 얻고, 이 가중치로 밸류의 [합](step=sum)을 "
    "구합니다.\n"
    "문장에서는 **{word}** → **{word_top}** 가중치가 {word_share}로 가장 크고, 이미지에서는 **{patch}** → "
    "**{patch_top}** 가중치가 {patch_share}로 가장 큽니다.\n"
    "문장 쪽 가중치 행렬은 **학습하지 않은 난수**입니다. 계산은 실제와 같지만 패턴에는 의미가 없습니다. 이미지 "
    "쪽은 이 모델의 {layer}번 레이어 {head}번 헤드입니다.",
    "outline": "단어든 패치든 임베딩을 거치면 벡터의 나열입니다.\n"
    "쿼리, 키, 가중치, 합. 양쪽이 같은 네 단계를 거칩니다.\n"
    "언어 모델은 불러오지 않았습니다. 문장 쪽 가중치는 난수이므로 의미를 읽으면 안 됩니다.\n"
    "문장을 직접 입력해 보세요. 같은 단어는 임베딩이 같고 위치만 다릅니다.",
    "tokens": "토큰",
    "query": "쿼리",
    "keys": "키",
    "weights": "행렬",
    "sum": "가중합",
    "step": "계산 단계",
    "sentence": "문장: 토큰 {n}개, 난수 가중치",
    "image": "이미지: 토큰 {n}개, 이 모델",
    "field": "문장",
    "field_label": "문장, 토큰 최대 {limit}개",
    "presets": "예문",
    "cut": "문장의 첫 토큰 {n}개, 난수 가중치",
    "empty": "문장을 입력하세요. 토큰이 없으면 어텐션을 계산할 대상이 없습니다.",
    "query_label": "쿼리",
    "picture": "고른 패치의 가중치를 겹친 이미지",
    "words_matrix": "단어 사이의 어텐션: 행은 쿼리, 열은 키",
    "matrix": "패치 사이의 어텐션: 행은 쿼리, 열은 키",
    "axes": "행: 쿼리, 열: 키",
    "thinned": "평균 낸 크기 {side} × {side}",
    "nobody": "토큰 없음",
}

MATH = {}
