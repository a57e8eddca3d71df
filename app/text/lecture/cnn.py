"""Words of the scene "cnn"."""

EN = {
    "kicker": "CNN to ViT",
    "title": "How much of the picture does one layer see?",
    "text": "A CNN applies the same small filter everywhere in the picture. After convolution {conv}, one unit "
    "can see **{field}** pixels of {side}; {share} of its gradient lies within {effective}. Seeing the "
    "whole picture takes [many layers](conv=7).\n"
    "In a Transformer, the [first layer](layer=0) already gives weight to **{seen}** of {patches} patches.\n"
    "[Swap the picture](swap=true): on a scale from 0 to 1, this patch's attention in layer {layer} changes by "
    "**{moved}**, the filter by **{changed}**. Then try [another patch](at=0).",
    "outline": "A CNN keeps the picture's spatial layout and needs several layers to combine all of it.\n"
    "A Transformer combines the whole picture in one layer.\n"
    "The CNN's filters are fixed after training: the same at every position and for every picture.\n"
    "The Transformer's attention weights are computed for each picture.\n"
    "The chart shows fractions of the longer side: for the CNN of this unit and picture, for the attention "
    "distance the mean over all patches and heads.",
    "pictures": "Picture",
    "this": "Picture A",
    "other": "Picture B: {title}",
    "cnn": "CNN: a growing window",
    "vit": "Transformer: all at once",
    "convolution": "Convolution",
    "play": "Play the convolutions",
    "stop": "Stop",
    "gradient": "of the gradient",
    "weight": "of the attention",
    "kernel": "Filter {n}: the same for both",
    "rows": "Attention: different",
    "change": "change {change}",
    "a": "A",
    "b": "B",
    "prediction_cnn": "the CNN's prediction",
    "prediction_vit": "the Transformer's prediction",
    "chart": "How far does a layer see?",
    "x": "layer",
    "y": "fraction of the side",
    "theory": "CNN: theoretical field",
    "practice": "CNN: {share} of the gradient",
    "gradient_distance": "CNN: mean distance",
    "reach": "ViT: span of attention",
    "distance": "ViT: mean distance",
    "same": "Trained on the same data: CNN {cnn}, ViT {vit} parameters.",
    "unlike": "The CNN and the ViT were trained on different data.",
}

KO = {
    "kicker": "CNN에서 ViT로",
    "title": "레이어 하나는 이미지를 얼마나 넓게 볼까?",
    "text": "CNN은 작은 필터 하나를 이미지 전체에 똑같이 적용합니다. 합성곱 {conv}번을 거친 유닛 하나는 "
    "{side}픽셀 가운데 **{field}**픽셀을 볼 수 있고, 그래디언트의 {share}는 {effective} 안에 있습니다. "
    "이미지 전체를 보려면 [여러 레이어](conv=7)를 거쳐야 합니다.\n"
    "트랜스포머는 [첫 레이어](layer=0)부터 패치 {patches}개 중 **{seen}**개에 가중치를 줍니다.\n"
    "[이미지를 바꾸면](swap=true) {layer}번 레이어의 어텐션은 **{moved}**만큼 바뀌고(최대 1), 필터의 변화량은 "
    "**{changed}**입니다. [다른 패치](at=0)도 눌러 보세요.",
    "outline": "CNN은 입력 이미지의 공간 정보를 유지하지만, 전체를 압축하려면 여러 레이어를 거쳐야 합니다.\n"
    "트랜스포머는 레이어 하나로 이미지 전체의 정보를 모읍니다.\n"
    "CNN의 필터는 학습이 끝나면 고정됩니다. 위치가 달라도, 이미지가 달라도 같은 필터입니다.\n"
    "트랜스포머의 어텐션 가중치는 학습 후에도 입력마다 새로 계산됩니다.\n"
    "그래프의 값은 긴 변에 대한 비율입니다. CNN은 지금 고른 유닛과 이미지의 값이고, 어텐션 거리는 모든 패치와 "
    "헤드의 평균입니다.",
    "pictures": "이미지",
    "this": "이미지 A",
    "other": "이미지 B: {title}",
    "cnn": "CNN: 조금씩 넓어지는 창",
    "vit": "트랜스포머: 한 번에 전체",
    "convolution": "합성곱",
    "play": "합성곱 차례로 보기",
    "stop": "멈추기",
    "gradient": "그래디언트 비율",
    "weight": "어텐션 비율",
    "kernel": "{n}번 필터: 항상 같음",
    "rows": "어텐션: 이미지마다 다름",
    "change": "변화 {change}",
    "a": "A",
    "b": "B",
    "prediction_cnn": "CNN의 예측",
    "prediction_vit": "트랜스포머의 예측",
    "chart": "레이어마다 얼마나 멀리 볼까?",
    "x": "레이어",
    "y": "변에 대한 비율",
    "theory": "CNN: 이론적 수용 영역",
    "practice": "CNN: 그래디언트 {share}",
    "gradient_distance": "CNN: 평균 거리",
    "reach": "ViT: 어텐션이 닿는 폭",
    "distance": "ViT: 평균 어텐션 거리",
    "same": "같은 데이터로 학습했습니다. 파라미터: CNN {cnn}, ViT {vit}",
    "unlike": "CNN과 ViT를 서로 다른 데이터로 학습했습니다.",
}

MATH = {}
