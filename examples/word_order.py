"""The order of words is what a recurrent network sees and a bag of words cannot.

"我爱中国" (I love China) and "中国爱我" (China loves me) hold the same words. Each sentence of the sample
`word_order` comes with its mirror, which has the other label: who acts, the person or the place? Whoever only
counts words is right half of the time at best, and less where the mirror of a test sentence was learnt.
The pair itself is kept out of the data: nobody has seen it before. Run: python examples/word_order.py
"""

from itertools import product

import cellwright as cw

PAIR = ["我爱中国", "中国爱我"]
CELLS = {
    "elman": "reads word by word",
    "lstm": "reads word by word, with a memory cell",
    "gru": "reads word by word, with two gates",
    "bow": "the mean of the words' vectors",
    "mlp": "how often each word occurs",
}
PERSONS, VERBS, PLACES = (
    ("我", "老师", "小明", "奶奶"),
    ("爱", "想念", "祝福"),
    ("中国", "北京", "上海", "故乡"),
)


def sentences():
    """The sample without the pair, and short sentences of its words beside it."""
    sample = cw.Classifier().read("word_order")
    known = dict(zip(sample.texts, sample.known(), strict=True))
    for person, verb, place in product(PERSONS, VERBS, PLACES):
        known |= {person + verb + place: "person", place + verb + person: "place"}
    for text in PAIR:
        del known[text]
    return list(known), list(known.values())


def main(epochs=5, cells=tuple(CELLS)):
    """Train each on the same split and print what it says of the pair."""
    X, y = sentences()
    print(f"{'':6} {'test accuracy':>13}  who acts in {PAIR[0]}, {PAIR[1]}?")
    models = {}
    for cell in cells:
        model = cw.Classifier(
            cell=cell, bidirectional=False, pooling="last", units=32, embedding=32, epochs=epochs,
            pairs=False, dropout=0.1, embedding_dropout=0.1, word_dropout=0.0, learning_rate=1e-2,
        )  # fmt: skip
        models[cell] = model.fit(X, y, test=0.25)
        said = ", ".join(model.predict(PAIR))
        score = model.metrics_["test"]["accuracy"]
        print(f"{cell:6} {score:13.1%}  {said:15}  {CELLS[cell]}", flush=True)
    linear = model.metrics_["baselines"]["linear"]["accuracy"]
    print(f"{'svm':6} {linear:13.1%}  {'':15}  a linear model of words and pairs of neighbours")
    return models


if __name__ == "__main__":
    main()
