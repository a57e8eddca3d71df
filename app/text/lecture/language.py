EN = {"kicker": "language", "title": "language", "text": "", "outline": ""}
KO = {"kicker": "language", "title": "language", "text": "", "outline": ""}
MATH = {}
