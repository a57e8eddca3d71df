EN = {"kicker": "summary", "title": "summary", "text": "", "outline": ""}
KO = {"kicker": "summary", "title": "summary", "text": "", "outline": ""}
MATH = {}
