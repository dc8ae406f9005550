"""Prints what a Python reader of JUnit's format makes of a file: read-junit.py READER cases|places FILE.

A JSON list of cases, each [suite, name, verdict], where a verdict is passed, failed or skipped; or of places, each
[name, file:line], where the spec defines what a case is of.
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


def places_by_junitparser(file):
    from junitparser import Attr, JUnitXml, TestCase

    class PlacedCase(TestCase):
        file = Attr()
        line = Attr()

    cases = [PlacedCase.fromelem(case) for suite in JUnitXml.fromfile(file) for case in suite]
    return [[case.name, f'{case.file}:{case.line}'] for case in cases]


def by_junit2html(file):
    from junit2htmlreport.parser import Junit

    report = Junit(file)
    # Its page can be made.
    report.html()
    return [[suite.name, case.name, str(case.outcome().value)] for suite in report.suites for case in suite.all()]


def places_by_junit2html(file):
    """It does not know the place of a case, and shows that of its suite, which is a property."""
    from junit2htmlreport.parser import Junit

    def place(suite):
        return next(found.value for found in suite.properties if found.name == 'place')

    return [[case.name, place(suite)] for suite in Junit(file).suites for case in suite.all()]


readers = {
    ('junitparser', 'cases'): by_junitparser,
    ('junitparser', 'places'): places_by_junitparser,
    ('junit2html', 'cases'): by_junit2html,
    ('junit2html', 'places'): places_by_junit2html,
}
print(json.dumps(readers[tuple(sys.argv[1:3])](sys.argv[3])))
