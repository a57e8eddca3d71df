"""Sentences of the model box and of downloads."""

EN = {
    "download.starts": "Connecting …",
    "download.done": "{done}\u00a0MB so far",
    "download.done.of": "{done} of {total}\u00a0MB",
    "download.rate": "{rate}\u00a0MB/s",
    "download.left": "{time} left",
    "download.minutes": "{value}\u00a0min",
    "download.cancel": "Cancel",
    "download.cancelled": "Cancelled. The {done}\u00a0MB that were downloaded are kept.",
    "download.resume": "Continue the download",
    "download.again": "Try again",
}

KO = {
    "download.starts": "연결하는 중 …",
    "download.done": "{done}\u00a0MB 받음",
    "download.done.of": "{total}\u00a0MB 중 {done}\u00a0MB",
    "download.rate": "초당 {rate}\u00a0MB",
    "download.left": "{time} 남음",
    "download.minutes": "{value}분",
    "download.cancel": "취소",
    "download.cancelled": "취소했습니다. 이미 받은 {done}\u00a0MB는 보관합니다.",
    "download.resume": "이어서 내려받기",
    "download.again": "다시 시도",
}
