# Runs a user's parameter generator: `get_custom_generator(env, **kwargs)` (Maestro 1.1). Takes one argument, a JSON text of what
# follows, and prints the combinations as JSON.
#
#     {file, kwargs: {NAME: TEXT}, variables: [[NAME, REPR]...], paths: [[NAME, PATH]...], git: [[NAME, URL, PATH]...],
#      output_path, specroot, largest}
#
# With them come the files that it read: modules but those of Python and of installed packages, and, below the directories of
# the generator, of the spec and the current one, all other files that it did not write as well. Each is [PATH, HASH,
# IS_MODULE], PATH being relative to the generator's directory. One of more than `largest` bytes has its size for a hash.
#
# A generator is written against `maestrowf`. If that is installed it gets the real classes; if not, these, which have what
# generators use. What it prints goes to stderr. A REPR is what Python's `repr()` gives of the value.
import sys
if sys.path[:1] == ['']:
    del sys.path[0]  # what lies in the current directory is not meant to be imported by its name
import datetime, hashlib, importlib.util, json, os, sysconfig, traceback, types

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


start = os.getcwd()
read, written = set(), set()
is_watching = True


def watch(event, args):
    if event != 'open' or not is_watching:
        return
    try:
        name, mode, flags = args
        if isinstance(name, (str, bytes, os.PathLike)):
            writes = flags & (os.O_WRONLY | os.O_RDWR) if isinstance(flags, int) else set(mode or '') & set('wax+')
            (written if writes else read).add(os.path.abspath(os.fsdecode(name)))
    except Exception:
        pass  # or the file could not be opened


def hash_of(path):
    try:
        if not os.path.isfile(path):
            return None
        if os.path.getsize(path) > request['largest']:
            return 'size:{}'.format(os.path.getsize(path))
        with open(path, 'rb') as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None


def is_below(path, directory):
    return path.startswith(directory.rstrip('/') + '/')


def files_read():
    global is_watching
    is_watching = False
    home = os.path.dirname(os.path.abspath(pgen))
    parts = ('site-packages', 'dist-packages', '__pycache__')
    paths = sysconfig.get_paths()
    installed = [os.path.abspath(paths[name]) for name in ('stdlib', 'platstdlib', 'purelib', 'platlib') if name in paths]

    def is_own(path):
        return not any(is_below(path, directory) for directory in installed) and not set(path.split('/')) & set(parts)

    names = [getattr(module, '__file__', None) for module in list(sys.modules.values())]
    modules = {os.path.abspath(name) for name in names if isinstance(name, str)} - {os.path.abspath(pgen)}
    roots = [home, request['specroot'], start]
    data = {path for path in read - written - modules if any(is_below(path, root) for root in roots)
            and not is_below(path, request['output_path']) and not path.endswith(('.py', '.pyc', '.so'))}
    found = []
    for path in sorted(modules | set(sorted(data)[:1000])):
        value = hash_of(path) if is_own(path) else None
        if value is not None:
            found.append([os.path.relpath(path, home), value, path in modules])
    return found


def value_of(text):
    return eval(text, {'__builtins__': {}, 'datetime': datetime, 'inf': float('inf'), 'nan': float('nan')})


def run():
    if hasattr(sys, 'addaudithook'):
        sys.addaudithook(watch)
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
    json.dump({'parameters': parameters, 'files': files_read()}, result)
    result.close()


try:
    run()
except BaseException as error:
    # The frames of this program say nothing to whoever wrote the generator.
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != '<string>'
              and 'importlib' not in frame.filename]
    sys.stderr.write(''.join(traceback.format_list(frames[-3:]) + traceback.format_exception_only(type(error), error)))
    sys.exit(1)
