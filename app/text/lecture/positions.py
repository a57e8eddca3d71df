EN = {"kicker": "positions", "title": "positions", "text": "", "outline": ""}
KO = {"kicker": "positions", "title": "positions", "text": "", "outline": ""}
MATH = {}
