"""The shell commands of docs/forty-patients.md, run one after the other as they stand there."""

from __future__ import annotations

import re
import shlex
import shutil

import pandas as pd
import pytest
from pages import ROOT
from typer.testing import CliRunner

from sdv_llmgan_cli.app import app

pytest.importorskip('openpyxl')


def test_the_commands_of_the_page_lead_from_forty_patients_to_a_report(tmp_path, monkeypatch):
    for file in (ROOT / 'examples').glob('pneumonia*'):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    page = (ROOT / 'docs' / 'forty-patients.md').read_text(encoding='utf-8')
    [block] = re.findall(r'^```bash\n(.*?)^```', page, re.M | re.S)
    commands = block.replace('\\\n', '').splitlines()
    assert len(commands) == 6
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == 'sdv-llmgan'
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, f'{command}\n{done.output}'
    filled, balanced = pd.read_csv('filled.csv'), pd.read_excel('balanced.xlsx')
    assert filled.notna().all(axis=None)
    assert (balanced['icu'] == 'yes').sum() == 20
    assert balanced['drawn'].sum() == 14
    assert (balanced.loc[balanced['icu'] == 'yes', 'days'] >= 3).mean() > 0.9
    report = (tmp_path / 'report.html').read_text(encoding='utf-8')
    assert 'pneumonia' in report.lower() or 'oxygen' in report
