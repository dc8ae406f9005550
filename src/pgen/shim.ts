/**
 * The Python program that runs a user's parameter generator: `get_custom_generator(env, **kwargs)` (Maestro 1.1). It takes
 * one argument, a JSON text of what follows, and prints the combinations as JSON.
 *
 *     {file, kwargs: {NAME: TEXT}, variables: [[NAME, REPR]...], paths: [[NAME, PATH]...], git: [[NAME, URL, PATH]...],
 *      output_path, specroot}
 *
 * A generator is written against `maestrowf`. If that is installed it gets the real classes; if not, these, which have
 * what generators use. What it prints goes to stderr. A REPR is what Python's `repr()` gives of the value.
 */
export const pgenShim = `
import datetime, importlib.util, json, os, sys, traceback, types

result = os.fdopen(os.dup(1), 'w', encoding='utf-8')
os.dup2(2, 1)
request = json.loads(sys.argv[1])
pgen = request['file']
sys.argv = [pgen]
sys.dont_write_bytecode = True  # nothing is left beside the generator
sys.path.insert(0, os.path.dirname(pgen))


class Variable:
    def __init__(self, name, value, token='$'):
        self.name, self.value, self.token = name, value, token

    def get_var(self):
        return '{}({})'.format(self.token, self.name)

    def __str__(self):
        return self.get_var()


class PathDependency(Variable):
    pass


class GitDependency(Variable):
    def __init__(self, name, value, path, token='$', **kwargs):
        Variable.__init__(self, name, value, token)
        self.url, self.path = value, path


class StudyEnvironment:
    def __init__(self):
        self.items = {}

    def add(self, item):
        self.items[item.name] = item

    def find(self, key):
        return self.items.get(key)


class Combination:
    def __init__(self, token='$'):
        self._token, self._params, self._labels, self._names = token, {}, {}, {}

    def add(self, key, name, value, label):
        self._params['{}({})'.format(self._token, key)] = value
        self._labels['{}({}.label)'.format(self._token, key)] = label
        self._names['{}({}.name)'.format(self._token, key)] = name


class ParameterGenerator:
    def __init__(self, token='$', ltoken='%%'):
        self.parameters, self.labels, self.names = {}, {}, {}
        self.label_token, self.token, self.length = ltoken, token, 0

    def add_parameter(self, key, values, label=None, name=None):
        if self.length == 0:
            self.length = len(values)
        elif len(values) != self.length:
            raise ValueError(
                "Length of values list must be the same size as the other parameters: "
                "'{}' has {}, the others have {}".format(key, len(values), self.length))
        self.parameters[key] = values
        self.labels[key] = label if label else '{}.{}'.format(key, self.label_token)
        self.names[key] = name if name else key

    def __iter__(self):
        return self.get_combinations()

    def __bool__(self):
        return bool(self.parameters)

    def get_combinations(self):
        for i in range(self.length):
            combination = Combination(self.token)
            for key, values in self.parameters.items():
                label = self.labels[key]
                label = label[i] if isinstance(label, list) else label.replace(self.label_token, str(values[i]))
                combination.add(key, self.names[key], values[i], label)
            yield combination


try:
    from maestrowf.datastructures.core import StudyEnvironment
    from maestrowf.datastructures.environment import GitDependency, PathDependency, Variable
except ImportError:
    def module(name, **members):
        made = types.ModuleType(name)
        made.__path__ = []
        made.__dict__.update(members)
        sys.modules[name] = made

    module('maestrowf')
    module('maestrowf.datastructures')
    module('maestrowf.datastructures.environment', Variable=Variable, PathDependency=PathDependency,
           GitDependency=GitDependency)
    module('maestrowf.datastructures.core', ParameterGenerator=ParameterGenerator,
           Combination=Combination, StudyEnvironment=StudyEnvironment)
    module('maestrowf.datastructures.core.parameters', ParameterGenerator=ParameterGenerator,
           Combination=Combination)


def value_of(text):
    return eval(text, {'__builtins__': {}, 'datetime': datetime, 'inf': float('inf'), 'nan': float('nan')})


def run():
    spec = importlib.util.spec_from_file_location('pgen', pgen)
    code = importlib.util.module_from_spec(spec)
    sys.modules['pgen'] = code
    spec.loader.exec_module(code)
    env = StudyEnvironment()
    for name, value in request['variables']:
        env.add(Variable(name, value_of(value)))
    for name, path in request['paths']:
        env.add(PathDependency(name, path))
    for name, url, path in request['git']:
        env.add(GitDependency(name, url, path))
    env.add(Variable('OUTPUT_PATH', request['output_path']))
    specroot = Variable('SPECROOT', request['specroot'])
    env.add(specroot)
    generator = code.get_custom_generator(
        env, **{**request['kwargs'], 'OUTPUT_PATH': request['output_path'], 'SPECROOT': specroot})
    if not hasattr(generator, 'get_combinations'):
        raise TypeError('get_custom_generator must return a ParameterGenerator, not {!r}'.format(generator))
    combinations = list(generator)
    parameters = []
    for key in generator.parameters:
        token = '$({})'.format(key)
        parameters.append({
            'key': str(key),
            'name': str(generator.names[key]),
            'values': [str(combination._params[token]) for combination in combinations],
            'labels': [str(combination._labels['$({}.label)'.format(key)]) for combination in combinations],
        })
    json.dump(parameters, result)
    result.close()


try:
    run()
except BaseException as error:
    # The frames of this program say nothing to whoever wrote the generator.
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != '<string>'
              and 'importlib' not in frame.filename]
    sys.stderr.write(''.join(traceback.format_list(frames[-3:]) + traceback.format_exception_only(type(error), error)))
    sys.exit(1)
`;
