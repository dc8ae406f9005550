"""Prints what a Python reader of JUnit's format makes of a file: read-junit.py READER FILE.

A JSON list of cases, each [suite, name, verdict], where a verdict is passed, failed or skipped.
"""
import json
import sys


def by_junitparser(file):
    from junitparser import Error, Failure, JUnitXml, Skipped

    def verdict(case):
        kinds = {type(result) for result in case.result}
        return 'failed' if kinds & {Failure, Error} else 'skipped' if Skipped in kinds else 'passed'

    report = JUnitXml.fromfile(file)
    counts = [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in report]
    report.update_statistics()
    # What the file says of its suites is what they hold.
    assert counts == [(suite.tests, suite.failures, suite.errors, suite.skipped) for suite in report], counts
    return [[suite.name, case.name, verdict(case)] for suite in report for case in suite]


def by_junit2html(file):
    from junit2htmlreport.parser import Junit

    report = Junit(file)
    # Its page can be made.
    report.html()
    return [[suite.name, case.name, str(case.outcome().value)] for suite in report.suites for case in suite.all()]


readers = {'junitparser': by_junitparser, 'junit2html': by_junit2html}
print(json.dumps(readers[sys.argv[1]](sys.argv[2])))
