from app.lecture.stage import Scene, Stage


def build(stage: Stage, want: dict) -> Scene:
    return Scene()
