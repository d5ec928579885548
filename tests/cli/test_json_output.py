import json

from xgem.cli.json_output import print_result


def test_a_person_reads_sentences_and_a_machine_json(capsys) -> None:
    print_result("Wrote 3 studies", {"studies": 3}, as_json=False)
    assert capsys.readouterr().out == "Wrote 3 studies\n"
    print_result("Wrote 3 studies", {"studies": 3}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"studies": 3}
