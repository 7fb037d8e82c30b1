/**
 * What of a pickle an ordinary checkpoint does not have. Every global must be known to be data, or it is reported; the
 * rules name what was met, they never decide by a list of bad names alone.
 */
import type { ScanFinding } from '../../../src-shared/domain/scan.ts';
import { visibleName } from '../../../src-shared/text.ts';
import type { NamedGlobal, PickleContent, PickleOddity } from './pickle.ts';

/** Modules whose names run code, reach files, processes or the network, or load more pickles. */
const HARMFUL_MODULES =
  /^(__builtin__|builtins|__main__\.__builtins__|os|posix|nt|sys|subprocess|commands|popen2|pty|platform|shutil|socket|socketserver|ssl|http|httplib|urllib\d?|requests|aiohttp|webbrowser|ftplib|smtplib|telnetlib|xmlrpc|asyncio|multiprocessing|threading|_thread|signal|ctypes|_ctypes|cffi|code|codeop|codecs|runpy|importlib|imp|_imp|pkgutil|zipimport|site|distutils|setuptools|pip|ensurepip|venv|pdb|bdb|cProfile|profile|trace|timeit|doctest|inspect|types|functools|operator|_operator|itertools|pickle|_pickle|cPickle|dill|_dill|cloudpickle|joblib|marshal|shelve|dbm|sqlite3|tempfile|io|_io|fileinput|glob|linecache|logging\.config|uuid|idlelib|lib2to3|test|pydoc|rlcompleter|IPython|numpy\.testing|numpy\.distutils|numpy\.f2py|numpy\.load|pandas\.io|torch\.hub|torch\.utils\.cpp_extension|torch\.utils\.collect_env|torch\.utils\._config_module|torch\.utils\.bottleneck|torch\.utils\.data\.datapipes|torch\._dynamo|torch\._inductor|torch\.fx|torch\.package|torch\.jit|torch\.serialization|torch\.testing|torch\.distributed|torchvision\.datasets)(\.|$)/;

/** Of modules that are not harmful as a whole, and of the built-in one, names that only make data. */
const DATA_GLOBALS = new Set(
  [
    ['collections', 'OrderedDict defaultdict Counter deque'],
    ['builtins', 'set frozenset list dict tuple bytearray bytes int float bool str complex slice range object'],
    [
      '__builtin__',
      'set frozenset list dict tuple bytes bytearray unicode str int long float bool complex slice xrange object',
    ],
    ['copyreg', '_reconstructor'],
    ['copy_reg', '_reconstructor'],
    ['_codecs', 'encode'],
    ['argparse', 'Namespace'],
    ['types', 'SimpleNamespace'],
    ['datetime', 'datetime date time timedelta timezone'],
    ['pathlib', 'Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath'],
    ['pathlib._local', 'PosixPath WindowsPath'],
    ['uuid', 'UUID'],
    ['decimal', 'Decimal'],
    ['fractions', 'Fraction'],
    ['numpy', 'ndarray dtype'],
    ['numpy.core.multiarray', '_reconstruct scalar'],
    ['numpy._core.multiarray', '_reconstruct scalar'],
    ['numpy.core.numeric', '_frombuffer'],
    ['numpy._core.numeric', '_frombuffer'],
    ['torch', 'Size device dtype Tensor Generator finfo'],
    [
      'torch._utils',
      '_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state _rebuild_qtensor _rebuild_sparse_tensor _rebuild_sparse_csr_tensor _rebuild_nested_tensor _rebuild_meta_tensor_no_storage _rebuild_device_tensor_from_numpy',
    ],
    ['torch._tensor', '_rebuild_from_type_v2'],
    ['torch.tensor', '_rebuild_from_type_v2'],
    ['torch.nn.parameter', 'Parameter Buffer'],
    ['torch.storage', 'UntypedStorage TypedStorage _UntypedStorage _TypedStorage'],
    ['torch.serialization', '_get_layout'],
  ].flatMap(([module, names]) => names.split(' ').map((name) => `${module}.${name}`)),
);

/** Families of names that only make data. */
const DATA_FAMILIES: readonly RegExp[] = [
  /^torch\.(cuda\.)?(Float|Double|Half|BFloat16|Long|Int|Short|Char|Byte|Bool|ComplexFloat|ComplexDouble|QInt8|QInt32|QUInt8)(Storage|Tensor)$/,
  /^torch\.(float(16|32|64)|bfloat16|half|double|float|u?int(8|16|32|64)|long|int|short|bool|complex(32|64|128)|qint8|quint8|qint32|per_(tensor|channel)_(affine|symmetric)|per_channel_affine_float_qparams|strided|sparse_(coo|cs[rc]|bs[rc])|contiguous_format|channels_last|preserve_format|float8_\w+)$/,
  /^numpy\.(dtypes\.\w+DType|bool_?|u?int(8|16|32|64)|float(16|32|64)|str_|bytes_|void|object_)$/,
];

/** Layers and helpers of PyTorch and torchvision as whole pickled modules name them: classes that hold weights. */
const MODULE_FAMILIES = /^(torch\.nn\.modules\.[a-z_]+\.[A-Z]\w*|torchvision\.(models|ops)\.[a-z_.]+\._?[A-Z]\w*)$/;

export function isDataGlobal({ module, name }: Pick<NamedGlobal, 'module' | 'name'>): boolean {
  const full = `${module}.${name}`;
  return DATA_GLOBALS.has(full) || DATA_FAMILIES.some((family) => family.test(full)) || MODULE_FAMILIES.test(full);
}

export function isHarmful({ module, name }: Pick<NamedGlobal, 'module' | 'name'>): boolean {
  if (isDataGlobal({ module, name })) return false;
  // Protocol 4 resolves dots in the name: ("torch", "os.system") is os.system for Python.
  return HARMFUL_MODULES.test(module) || name.includes('.') || (module === '' && name === '');
}

/** @param where the pickle lies, e.g. "data.pkl in the archive" */
export function scanPickle(content: Pick<PickleContent, 'globals' | 'oddities'>, where: string): ScanFinding[] {
  return [
    ...content.globals.filter((each) => !isDataGlobal(each)).map((each) => globalFinding(each, where)),
    ...content.oddities.map((oddity) => oddityFinding(oddity, where)),
  ];
}

function globalFinding(named: NamedGlobal, where: string): ScanFinding {
  const full = visible(`${named.module}.${named.name}`);
  const harmful = isHarmful(named);
  const { called } = named;
  return {
    rule: harmful ? 'pickle.unsafe-global' : 'pickle.unknown-global',
    severity: harmful ? 'danger' : 'warning',
    title: harmful ? `${full} would be imported: it can run code` : `${full} would be imported: not known to be data`,
    where: `opcode ${named.position} (${named.opcode}) at byte ${named.at} of ${where}`,
    detail:
      called === null
        ? 'It is named and not called.'
        : `It would be called by opcode ${called.position} (${called.opcode}) at byte ${called.at}. Nothing was imported or called here.`,
    atlas: harmful ? 'AML.T0018.002' : 'AML.T0011.000',
  };
}

const ODDITIES: Readonly<Record<PickleOddity['what'], readonly [rule: string, title: string]>> = {
  extension: ['pickle.extension-code', 'An object is named by a number of the extension registry'],
  'computed-global': ['pickle.computed-global', 'The pickle works out the name of what is to be imported'],
  'computed-callee': ['pickle.computed-callee', 'The pickle calls what another call returned'],
  'changed-symbol': ['pickle.changed-symbol', 'The pickle changes an object that exists outside of it'],
};

function oddityFinding({ what, opcode, position, at }: PickleOddity, where: string): ScanFinding {
  const [rule, title] = ODDITIES[what];
  return {
    rule,
    severity: 'danger',
    title,
    where: `opcode ${position} (${opcode}) at byte ${at} of ${where}`,
    detail: 'Ordinary checkpoints do not do this, and what it would run cannot be told. Nothing was run here.',
    atlas: 'AML.T0018.002',
  };
}

function visible(text: string): string {
  return visibleName(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
