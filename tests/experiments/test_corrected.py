"""The corrected protocol on a world whose exact conditional is known."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from contextual_anomaly.experiments.corrected import CLEAN, make_trials, measure
from contextual_anomaly.experiments.published import RAREST
from contextual_anomaly.stats.bootstrap import Bootstrap

CLASSES = 30


@pytest.fixture
def world():
    """Two kinds of scene; classes are independent given the kind. Presence and the exact conditional."""
    rng = np.random.default_rng(0)
    first = np.arange(CLASSES) < 15
    share = np.where(np.stack([first, ~first]), rng.uniform(0.2, 0.5, CLASSES), rng.uniform(0.01, 0.05, CLASSES))
    presence = (rng.random((1500, CLASSES)) < share[rng.integers(0, 2, 1500)]).astype(np.float32)
    presence = presence[presence.sum(1) >= 2]

    def conditional(x):
        likelihood = np.where(x[:, None] > 0, share, 1 - share)  # [N, 2, C]
        others = np.exp(np.log(likelihood).sum(2, keepdims=True)) / likelihood
        return ((others * share).sum(1) / others.sum(1)).astype(np.float32)

    return presence, conditional


def odds_of(function, trials):
    """[1, T, C] of one variant that answers by the function."""
    p = np.clip(function(trials.presence).astype(float), 1e-300, None)
    return (np.log(p) - np.log1p(-p))[None]


def figures(function, presence, **settings):
    trials = make_trials(presence, presence.sum(0), **({"n_draws": 2, "seed": 0} | settings))
    bootstrap = Bootstrap(len(presence), 100, 0)
    return {(f.experiment, f.metric): f for t in trials for f in measure(odds_of(function, t), t, bootstrap)}


def test_what_is_injected_and_removed(world):
    presence, _ = world
    frequency = np.arange(CLASSES, dtype=float)
    trials = {t.experiment: t for t in make_trials(presence, frequency, n_draws=3, seed=0)}
    half = {"inject_half_clean", "remove_half_clean"}
    assert set(trials) == {"inject_rarest", "inject_uniform", "inject_matched", "remove"} | half
    for name, t in trials.items():
        if name in half:
            continue
        before, after = presence[t.scene], t.presence
        sign = -1 if name == "remove" else 1
        np.testing.assert_array_equal(((after - before) * sign).sum(1), 1)
        assert ((after - before)[np.arange(len(after)), t.changed] == sign).all()
    assert trials["inject_rarest"].changed.max() == RAREST - 1  # of classes sorted by frequency
    assert len(trials["remove"].scene) == presence.sum()
    # Matched: as often as the training frequency says. Class 0 never occurs there.
    drawn = np.bincount(trials["inject_matched"].changed, minlength=CLASSES)
    assert drawn[0] == 0
    assert drawn[20:].sum() > 1.5 * drawn[:20].sum() * frequency[20:].sum() / frequency.sum()


def test_frequency_alone_cannot_tell_matched_injections(world):
    """An injected class as frequent as genuine ones is ranked by rarity no better than by guessing."""
    presence, conditional = world
    constant = figures(lambda x: np.broadcast_to(presence.mean(0), x.shape), presence)
    exact = figures(conditional, presence)
    assert constant["inject_matched", "auroc"].value == pytest.approx(0.5, abs=0.06)
    assert exact["inject_matched", "auroc"].value > 0.75


def test_the_exact_conditional_reaches_the_theoretical_ceiling(world):
    """Under uniform injection P(c was injected | scene) is proportional to (1 - π) / π over the present classes."""
    presence, conditional = world
    trials = {t.experiment: t for t in make_trials(presence, presence.sum(0), n_draws=6, seed=1)}
    found = figures(conditional, presence, n_draws=6, seed=1)
    for name, odds in (("inject_uniform", lambda p: (1 - p) / p), ("remove", lambda p: p / (1 - p))):
        evidence = trials[name].presence
        candidate = evidence > 0 if name != "remove" else evidence == 0
        share = odds(conditional(evidence).astype(float)) * candidate
        ceiling = (share.max(1) / share.sum(1)).mean()
        figure = found[name, "recall_at_1"]
        assert figure.low - 0.01 < ceiling < figure.high + 0.01
    assert found["inject_uniform", "auroc"].value > found["inject_uniform", "prevalence"].value


def test_figures_lie_in_their_intervals_and_ranks_agree(world):
    presence, conditional = world
    found = figures(conditional, presence)
    for figure in found.values():
        if figure.metric != "prevalence":
            assert figure.low <= figure.value <= figure.high
    for name in ("inject_uniform", "remove"):
        assert (
            found[name, "recall_at_1"].value
            <= found[name, "mean_reciprocal_rank"].value
            <= found[name, "recall_at_5"].value
        )
    assert found["remove", "recall_at_5"].value <= found["remove", "recall_at_10"].value


def test_a_detection_rate_stands_beside_its_false_alarms(world):
    """Expecting nothing finds every injection at the published threshold, and flags every genuine object too."""
    presence, _ = world
    found = figures(np.zeros_like, presence)
    assert found["inject_uniform", "tpr"].value == 1
    assert found["inject_uniform", "fpr"].value == 1
    assert found["inject_uniform", "auroc"].value == 0.5


def test_every_measure_equals_a_loop_over_trials_and_classes(world):
    presence, conditional = world
    presence = presence[:80]
    for trials in make_trials(presence, presence.sum(0), n_draws=2, seed=3)[:4]:
        injection = trials.experiment != "remove"
        places, of_image, scores, changed, flags = [], {}, [], [], []
        for scene, target, evidence in zip(trials.scene, trials.changed, trials.presence, strict=True):
            probability = conditional(evidence[None])[0]
            candidates = [c for c in range(CLASSES) if bool(evidence[c]) == injection]
            unusual = {c: -probability[c] if injection else probability[c] for c in candidates}
            places.append(sum(unusual[c] >= unusual[target] for c in candidates))
            of_image.setdefault(scene, []).append(places[-1])
            scores += unusual.values()
            changed += [c == target for c in candidates]
            flags += [probability[c] < 0.5 if injection else probability[c] > 0.25 for c in candidates]
        places, changed, flags = np.array(places), np.array(changed), np.array(flags)
        figure = {f.metric: f for f in measure(odds_of(conditional, trials), trials, Bootstrap(len(presence), 20, 0))}
        wanted = {f"recall_at_{k}": (places <= k).mean() for k in ((1, 5) if injection else (1, 5, 10))}
        wanted |= {"mean_reciprocal_rank": (1 / places).mean(), "ndcg": (1 / np.log2(1 + places)).mean()}
        if not injection:
            images = [np.array(p) for p in of_image.values()]
            wanted |= {f"recall_at_{k}_per_image": np.mean([(p <= k).mean() for p in images]) for k in (1, 5, 10)}
            wanted |= {"mean_reciprocal_rank_per_image": np.mean([(1 / p).mean() for p in images])}
            wanted |= {"ndcg_per_image": np.mean([(1 / np.log2(1 + p)).mean() for p in images])}
        wanted |= {"tpr": flags[changed].mean(), "fpr": flags[~changed].mean()}
        wanted |= {"prevalence": changed.mean(), "auroc": roc_auc_score(changed, scores)}
        wanted |= {"average_precision": average_precision_score(changed, scores)}
        for metric, value in wanted.items():
            assert figure[metric].value == pytest.approx(value, rel=1e-6), (trials.experiment, metric)
        rates = {"fpr_at_95_tpr", "tpr_at_5_fpr"}
        posterior = {f"posterior_{metric}" for metric in {"auroc", "average_precision"} | rates}
        assert figure.keys() - wanted.keys() == rates | posterior
        assert figure["recall_at_1"].trials == len(places)
        assert figure["recall_at_1"].images == len(of_image)


def test_half_of_the_scenes_stay_clean_and_the_posterior_tells_which(world):
    presence, conditional = world
    trials = {t.experiment: t for t in make_trials(presence, presence.sum(0), n_draws=1, seed=0)}
    for name, sign in (("inject_half_clean", 1), ("remove_half_clean", -1)):
        t = trials[name]
        clean = t.changed == CLEAN
        assert abs(clean.mean() - 0.5) < 0.05
        np.testing.assert_array_equal((t.presence - presence[t.scene]).sum(1), np.where(clean, 0, sign))
    exact = figures(conditional, presence)
    guess = figures(lambda x: np.broadcast_to(presence.mean(0), x.shape), presence)
    assert exact["inject_half_clean", "scene_auroc"].low > guess["inject_half_clean", "scene_auroc"].high
    # What knows that one class of each scene was added tells more than the expectation alone.
    assert exact["inject_uniform", "posterior_auroc"].value > exact["inject_uniform", "auroc"].value
