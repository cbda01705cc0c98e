"""What a user can get wrong ends in one sentence and exit code 2, with nothing half-written."""

import os

import pytest

TRAIN = (
    "train",
    "--objective",
    "elbo",
    "--dataset",
    "table",
    "--set",
    "dataset.config=my.yaml",
    "--epochs",
    "1",
    "--output",
    "out",
)


def replaced(*words, **changes):
    """The words of a good command with some of its options changed, and others added."""
    command = list(TRAIN)
    for option, value in changes.items():
        command[command.index(f"--{option}") + 1] = value
    return [*command, *words]


CASES = {
    "unknown objective": (replaced(objective="elbow"), "no objective 'elbow'; installed are: .*did you mean 'elbo'"),
    "unknown dataset": (replaced(dataset="tabel"), "no dataset 'tabel'.*did you mean 'table'"),
    "unknown option": (replaced("--epoch", "3"), "No such option.*--epoch"),
    "unknown command": (("trian",), "There is no command 'trian'; installed are: .*did you mean 'train'"),
    "unknown configuration key": (
        replaced("--set", "training.epoch=3"),
        r"training\.epoch: there is no such option.*did you mean 'epochs'",
    ),
    "unknown key in a list": (
        replaced("--set", "training.stages=[{epoch: 3},{}]"),
        r"training\.stages\.0\.epoch: there is no such option; there are epochs, learning_rate, objective, train; "
        r"did you mean 'epochs'\?$",
    ),
    "unknown key in a mapping": (
        replaced("--set", "dataset.modalities.genes={colums: g0, kind: vector}"),
        r"colums: there is no such option; .*did you mean 'columns'\?$",
    ),
    "unknown section": (
        replaced("--set", "trainig.epochs=3"),
        r"--set\.trainig: there is no such option.*did you mean 'training'",
    ),
    "unknown dataset option": (
        replaced("--set", "dataset.grup=subject"),
        r"dataset\.grup: there is no such option.*did you mean 'group'",
    ),
    "unknown objective option": (
        replaced("--set", "objective.samples=3"),
        r"objective\.samples: there is no such option",
    ),
    "component within the objective": (
        replaced("--set", "objective.aggregator=poe"),
        r"objective\.aggregator: there is no such option",
    ),
    "unknown modality": (
        replaced("--set", "modalities.gene.weight=3"),
        r"modalities\.gene: there is no such modality.*did you mean 'genes'",
    ),
    "unknown modality option": (
        replaced("--set", "modalities.genes.widht=3"),
        r"modalities\.genes\.widht: there is no such option",
    ),
    "unknown aggregator": (replaced("--aggregator", "pow"), "no aggregator 'pow'.*did you mean 'poe'"),
    "unknown metric option": (
        replaced("--set", "metrics.coherence.x=3"),
        r"metrics\.coherence\.x: there is no such option",
    ),
    "wrong type": (
        replaced("--set", "training.batch_size=many"),
        r"training\.batch_size: 'many' is not right; it should be a valid integer|training\.batch_size: 'many'",
    ),
    "wrong type of an option": (replaced(epochs="many"), "'--epochs': .* valid integer"),
    "out of range": (
        replaced("--beta", "-1"),
        r"model\.beta: -1.0 is not right; it should be greater than or equal to 0",
    ),
    "not one of the choices": (
        replaced("--set", "training.precision=half"),
        r"training\.precision: 'half' is not right; it should be 'float32', 'bfloat16' or 'float16'",
    ),
    "unknown schedule": (
        replaced("--set", "training.schedule=cosin"),
        r"training\.schedule: there is no schedule 'cosin'; there are constant, .*did you mean 'cosine'",
    ),
    "unknown optimiser": (
        replaced("--set", "training.optimizer.name=Adm"),
        r"training\.optimizer: there is no optimiser 'Adm'; there are ASGD, .*did you mean 'Adam'",
    ),
    "unknown option of an optimiser": (
        replaced("--set", "training.optimizer={name: AdamW, wieght_decay: 1}"),
        r"training\.optimizer\.wieght_decay: there is no such option; .*did you mean 'weight_decay'",
    ),
    "unknown part in a group": (
        replaced("--set", "training.groups=[{of: [encoder], learning_rate: 1}]"),
        r"training\.groups\.0\.of: the model has no part 'encoder' .*did you mean 'encoders'",
    ),
    "unknown tracker": (
        replaced("--set", "training.log_with=wandv"),
        r"training\.log_with: there is no tracker 'wandv'; there are aim, .*did you mean 'wandb'",
    ),
    "tracker that is not installed": (
        replaced("--set", "training.log_with=dvclive"),
        r"training\.log_with=dvclive: dvclive is not installed; pip install dvclive, or leave out",
    ),
    "malformed set": (replaced("--set", "training.epochs"), "write it as key.path=value"),
    "malformed yaml value": (replaced("--set", "training.epochs=[1"), "is not valid YAML"),
    "a date": (replaced("--set", "training.seed=2026-13-45"), "training.seed: '2026-13-45'"),
    "a tag and another value": (
        replaced("--set", "training.seed=!!timestamp x"),
        r"not of the kind that its tag \(!!\) says",
    ),
    "missing configuration file": (
        ("train", "--config", "nothing.yaml"),
        "'nothing.yaml' cannot be read: No such file",
    ),
    "missing data file": (replaced("--set", "dataset.path=nothing.csv"), "nothing.csv"),
    "nothing said": (("train",), "Say which objective: --objective NAME"),
    "unknown recipe": (("train", "--recipe", "nothing"), "no recipe 'nothing'"),
    "no such run": (("evaluate", "nothing"), "no run in 'nothing'"),
    "no such kind": (("list", "objective"), "no kind 'objective'.*did you mean 'objectives'"),
    "no such name": (("info", "elbow"), "nothing called 'elbow'.*did you mean 'elbo'"),
    "not installed": (("info", "nexus"), "The objective 'nexus' is part of mmgen-plugin-nexus.*contrib/"),
    "a file for a dataset": (
        ("train", "--objective", "elbo", "--dataset", "my.csv"),
        "There is no dataset 'my.csv'.*--dataset table --set dataset.path=my.csv",
    ),
    "no such schema": (("schema", "runs"), "no schema 'runs'.*did you mean 'run'"),
}


@pytest.mark.parametrize("case", CASES)
def test_is_one_sentence_and_exit_code_two(case, home, command_line):
    words, sentence = CASES[case]
    before = sorted(os.listdir(home))
    code, _, err = command_line(*words)
    assert code == 2, err
    assert len(err.strip().splitlines()) == 1, err
    import re

    assert re.search(sentence, err), err
    assert "Traceback" not in err
    assert sorted(os.listdir(home)) == before, "something was written"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("evaluate", "run", "--metrics", "coherance"), "no metric 'coherance'.*did you mean 'coherence'"),
        (("evaluate", "run", "--split", "tset"), "no split 'tset'"),
        (("evaluate", "run", "--color-by", "gne0"), "no column 'gne0' to colour latents by; there are .*"),
        (("evaluate", "run", "--color-by", "digit", "--no-figures"), "--color-by is for the figure of latents"),
        (
            ("evaluate", "run", "--set", "training.epochs=3"),
            "can only set dataset.…, metrics.…, sampler.…, not",
        ),
        (("generate", "run", "--given", "gens"), "--given: there is no modality 'gens'.*did you mean 'genes'"),
        (("generate", "run", "--targets", "x"), "--targets: there is no modality 'x'"),
        (("generate", "run", "--out", "x.jpg"), r"can be \.png, \.npz, \.csv"),
        (("generate", "run", "-n", "0"), "at least one item"),
        (("generate", "run", "--out", "my.csv/x.npz"), "cannot be written"),
        (("encode", "run", "--out", "x.txt"), r"can be \.npz, \.parquet, \.csv"),
        (("encode", "run", "--split", "x", "--out", "x.npz"), "no split 'x'"),
        (("impute", "run", "--out", "x.npz"), r"can be \.csv, \.parquet"),
        (("impute", "run", "--split", "x", "--out", "x.csv"), "no split 'x'"),
        (("impute", "run", "--given", "gens", "--out", "x.csv"), "--given: there is no modality 'gens'"),
        (("impute", "run", "--given", ",", "--out", "x.csv"), "nothing can be imputed from no modality"),
        (("impute", "run", "--draws", "0", "--out", "x.csv"), "Invalid value for '--draws'"),
        (("impute", "run", "--draws", "1", "--uncertainty", "--out", "x.csv"), "--draws 1: .*at least 2"),
        (("impute", "run", "--data", "gone.csv", "--out", "x.csv"), "gone.csv"),
        (("impute", "run", "--set", "training.seed=1", "--out", "x.csv"), r"can only set dataset\.…, not 'training'"),
        (("impute", "run", "--out", "my.csv/x.csv"), "cannot be written"),
        ((*TRAIN[:-1], "run"), "holds a run already; choose another --output, or go on with it by --resume"),
        ((*TRAIN[:-1], "my.csv/run"), "'my.csv/run' cannot be written: Not a directory"),
        (
            (*TRAIN[:-1], "run", "--resume", "--beta", "3"),
            r"--resume: the run was started with model\.beta=1\.0, and now it would be 3\.0",
        ),
    ],
)
def test_on_a_run(words, sentence, trained, command_line):
    import re

    code, _, err = command_line(*words)
    assert code == 2, err
    assert re.search(sentence, err), err
    assert len(err.strip().splitlines()) == 1, err


def test_a_csv_with_an_empty_column_and_a_wrong_column(home, command_line):
    for columns, sentence in (("[g0, empty]", "empty"), ("[g0, g9]", "g9.*g0")):
        code, _, err = command_line(
            *replaced("--set", f"dataset.modalities.genes={{columns: {columns}, kind: vector}}")
        )
        import re

        assert code == 2
        assert re.search(sentence, err), err
        assert not (home / "out").exists()


def test_a_damaged_cache_is_made_again(home, command_line, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(home / "cache"))
    assert command_line(*TRAIN)[0] == 0
    (prepared,) = (path for path in (home / "cache" / "datasets").iterdir() if path.is_dir())
    whole = (prepared / "train.safetensors").read_bytes()
    for damage in (whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        (prepared / "train.safetensors").write_bytes(damage)
        assert command_line(*replaced(output=f"again{len(damage)}"))[0] == 0
        assert (prepared / "train.safetensors").read_bytes() == whole
    (prepared / "facts.json").write_text("{")
    assert command_line(*replaced(output="last"))[0] == 0


def test_a_cache_folder_that_cannot_be_written(home, command_line, monkeypatch):
    monkeypatch.setenv("MMGEN_CACHE", str(home / "my.csv" / "cache"))
    code, _, err = command_line(*TRAIN)
    assert code == 2
    assert "set MMGEN_CACHE to one that can" in err


def test_a_run_whose_plugin_is_missing_says_what_to_install(trained, command_line):
    text = (trained / "environment.json").read_text()
    (trained / "environment.json").write_text(
        text.replace('"distribution": "mmgen-core"', '"distribution": "mmgen-plugin-gone"')
    )
    code, _, err = command_line("evaluate", "run")
    assert code == 2
    assert "of 'mmgen-plugin-gone' '0.1.0'" in err
    assert "pip install" not in err  # which would repeat what a run says that somebody may have sent


def test_a_run_whose_plugin_is_one_of_the_project_says_what_to_install(trained, command_line, monkeypatch):
    text = (trained / "environment.json").read_text()
    (trained / "environment.json").write_text(
        text.replace(
            '"name": "elbo",\n      "distribution": "mmgen-core"',
            '"name": "gone",\n      "distribution": "mmgen-plugin-mvae"',
        )
    )
    code, _, err = command_line("evaluate", "run")
    assert code == 2
    assert "pip install mmgen-plugin-mvae==0.1.0" in err


def test_a_damaged_run_says_which_file(trained, command_line):
    model = trained / "model.safetensors"
    model.write_bytes(model.read_bytes()[:100])
    code, _, err = command_line("evaluate", "run")
    assert code == 2
    assert "model.safetensors' is damaged" in err
    model.unlink()
    code, _, err = command_line("evaluate", "run")
    assert "its training has not finished; go on with it by --resume" in err


def test_debug_shows_where_an_error_came_from(home):
    from mmgen import MmgenError
    from mmgen.cli.app import app
    from mmgen.cli.guarded import run_guarded

    with pytest.raises(MmgenError):
        run_guarded(app, ["--debug", "evaluate", "nothing"])
