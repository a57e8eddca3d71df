EN = {"kicker": "patches", "title": "patches", "text": "", "outline": ""}
KO = {"kicker": "patches", "title": "patches", "text": "", "outline": ""}
MATH = {}
