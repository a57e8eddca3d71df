"""The sentences of "What do the errors have in common?" on the page "Mistakes"."""

EN = {
    "mistakes.list.maps": "By map",
    "mistakes.text.maps": "Errors and as many correct pictures, those first whose attribution map lies most in the "
    "chosen part of the picture.",
    "mistakes.maps.title": "What do the errors have in common?",
    "mistakes.maps.text": "Where the model looked when it was wrong. An attribution map says how much each patch "
    "speaks for the predicted class; the maps of many errors show habits that one map does not, such as a look at a "
    "logo in the corner.",
    "mistakes.maps.none": "No maps yet. Vitrine computes one for each of the {errors:error|errors} and for as many "
    "correct pictures, {count} in all, and keeps them. You can go on meanwhile.",
    "mistakes.maps.begin": "Compute the maps",
    "mistakes.maps.stopped": "The maps were stopped after {done} of {total} pictures. Nothing is lost: they continue "
    "from there.",
    "mistakes.maps.failed": "The maps could not be computed: {reason}",
    "mistakes.maps.stopping": "Stopping after this picture …",
    "mistakes.maps.errors": "Errors",
    "mistakes.maps.correct": "Correct",
    "mistakes.maps.filtered": "With this filter",
    "mistakes.maps.other": "Errors of A",
    "mistakes.maps.region": "Share of the map",
    "mistakes.maps.region.border": "at the border",
    "mistakes.maps.region.centre": "in the centre",
    "mistakes.maps.region.box": "in the box",
    "mistakes.maps.border": "border {share}",
    "mistakes.maps.box": "box {share}",
    "mistakes.maps.centre": "centre {share}",
    "mistakes.maps.least": "At least",
    "mistakes.maps.cluster": "Cluster {number}",
    "mistakes.maps.cluster.all": "Show the pictures of all clusters",
    "mistakes.maps.scale": "Mean maps by {method}, evidence for the predicted class alone; colours from 0 to {high} "
    "of a map in one patch, and yellow for more. A map spread evenly would have: {area}. The border is an eighth of "
    "the height and width on each side; the centre is the middle half of both.",
    "mistakes.maps.few": "{count:error has|errors have} a map: clusters need {least}.",
    "mistakes.maps.unclear": "The errors form no clear clusters by where the model looked: the best division has a "
    "silhouette of {silhouette}, and from {least} on Vitrine shows it.",
    "mistakes.maps.clusters": "**{count} clusters of errors by where the model looked**, the largest first. "
    "Silhouette {silhouette} (1: well separated, 0: the clusters overlap). A cluster is a hint, not a cause: open its "
    "pictures.",
    "mistakes.maps.size": "**Cluster {number}: {count:error|errors}** ({share}).",
    "mistakes.maps.place": "{place}: **{share}** of the map, where an even map would have 11 %.",
    "mistakes.maps.at_border": "At the border: {share} (correct pictures: {correct}).",
    "mistakes.maps.predicted": "Predicted most often: {name} ({count}).",
    "mistakes.maps.label": "Labelled most often: {name} ({count}).",
    "mistakes.maps.show": "List these {count:error|errors}",
    "mistakes.maps.place.top left": "Upper left",
    "mistakes.maps.place.top middle": "Top",
    "mistakes.maps.place.top right": "Upper right",
    "mistakes.maps.place.middle left": "Left",
    "mistakes.maps.place.middle middle": "Middle",
    "mistakes.maps.place.middle right": "Right",
    "mistakes.maps.place.bottom left": "Lower left",
    "mistakes.maps.place.bottom middle": "Bottom",
    "mistakes.maps.place.bottom right": "Lower right",
}

KO = {
    "mistakes.list.maps": "기여도 맵",
    "mistakes.text.maps": "틀린 이미지와 같은 수의 맞힌 이미지를, 기여도 맵이 고른 부분에 많이 놓인 것부터 봅니다.",
    "mistakes.maps.title": "오분류들의 공통점은 무엇일까요?",
    "mistakes.maps.text": "틀렸을 때 모델이 본 곳입니다. 기여도 맵은 패치마다 예측 클래스를 얼마나 뒷받침하는지 보여 "
    "줍니다. 구석의 로고를 보는 버릇처럼, 맵 하나로는 알 수 없는 것이 여러 오분류의 맵에서 드러납니다.",
    "mistakes.maps.none": "아직 맵이 없습니다. Vitrine이 틀린 이미지 {errors}장과 같은 수의 맞힌 이미지까지 모두 "
    "{count}장의 맵을 계산해 보관합니다. 그동안 다른 작업을 계속할 수 있습니다.",
    "mistakes.maps.begin": "맵 계산하기",
    "mistakes.maps.stopped": "{total}장 중 {done}장까지 계산하고 멈췄습니다. 결과는 남아 있으니 이어서 계산합니다.",
    "mistakes.maps.failed": "맵을 계산하지 못했습니다. {reason}",
    "mistakes.maps.stopping": "이 이미지까지 계산하고 멈춥니다…",
    "mistakes.maps.errors": "틀림",
    "mistakes.maps.correct": "맞음",
    "mistakes.maps.filtered": "이 필터",
    "mistakes.maps.other": "A의 오분류",
    "mistakes.maps.region": "맵이 놓인 비율",
    "mistakes.maps.region.border": "가장자리",
    "mistakes.maps.region.centre": "가운데",
    "mistakes.maps.region.box": "상자 안",
    "mistakes.maps.border": "가장자리 {share}",
    "mistakes.maps.box": "상자 {share}",
    "mistakes.maps.centre": "가운데 {share}",
    "mistakes.maps.least": "최소 비율",
    "mistakes.maps.cluster": "군집 {number}",
    "mistakes.maps.cluster.all": "모든 군집의 이미지 보기",
    "mistakes.maps.scale": "{method}로 구한 평균 맵이며, 예측 클래스를 뒷받침하는 값만 셉니다. 색은 패치 하나가 "
    "맵에서 차지하는 비율로, 0부터 {high}까지이고, 그보다 크면 노란색입니다. 고르게 퍼진 맵이라면 {area}입니다. "
    "가장자리는 높이와 너비의 바깥쪽 1/8씩, 가운데는 높이와 너비의 가운데 절반입니다.",
    "mistakes.maps.few": "맵이 있는 오분류가 {count}장입니다. 군집을 찾으려면 {least}장이 필요합니다.",
    "mistakes.maps.unclear": "모델이 본 곳에 따라 뚜렷이 나뉘는 군집이 없습니다. 가장 잘 나눈 것의 실루엣이 "
    "{silhouette}이고, {least}부터 보여 줍니다.",
    "mistakes.maps.clusters": "**모델이 본 곳에 따라 나눈 오분류의 군집 {count}개**, 큰 것부터입니다. 실루엣 "
    "{silhouette}(1: 뚜렷이 나뉨, 0: 서로 겹침). 군집은 단서일 뿐 원인이 아니므로 이미지를 열어 확인하세요.",
    "mistakes.maps.size": "**군집 {number}: 오분류 {count}장**({share}).",
    "mistakes.maps.place": "{place}에 놓인 비율: **{share}** (고르게 퍼지면 11 %).",
    "mistakes.maps.at_border": "가장자리: {share}(맞힌 이미지는 {correct}).",
    "mistakes.maps.predicted": "가장 많은 예측: {name}({count}장).",
    "mistakes.maps.label": "가장 많은 레이블: {name}({count}장).",
    "mistakes.maps.show": "이 오분류 {count}장 보기",
    "mistakes.maps.place.top left": "왼쪽 위",
    "mistakes.maps.place.top middle": "위",
    "mistakes.maps.place.top right": "오른쪽 위",
    "mistakes.maps.place.middle left": "왼쪽",
    "mistakes.maps.place.middle middle": "한가운데",
    "mistakes.maps.place.middle right": "오른쪽",
    "mistakes.maps.place.bottom left": "왼쪽 아래",
    "mistakes.maps.place.bottom middle": "아래",
    "mistakes.maps.place.bottom right": "오른쪽 아래",
}
