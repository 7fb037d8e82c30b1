import { describe, expect, it } from 'vitest';
import { placeOf } from '../../../src-renderer/state/drops.ts';
import {
  changedSettings,
  dropTarget,
  emptyForm,
  readForm,
  type FormTexts,
} from '../../../src-renderer/views/new/form.ts';
import { checkRequest } from '../../../src-main/hosts/requests.ts';

const filled: FormTexts = { ...emptyForm, encoder: ' /data/a.onnx ', dataset: '/data/images' };
const errorsOf = (texts: Partial<FormTexts>): readonly string[] => {
  const read = readForm({ ...filled, ...texts });
  return read.ok ? [] : Object.keys(read.errors);
};

describe('the form of a new audit', () => {
  it('gives a request that the host accepts', () => {
    const read = readForm({
      ...filled,
      preset: 'quick',
      seed: '42',
      arch: ' resnet18 ',
      inputSize: '32 × 28',
      mean: '0.1, 0.2,0.3',
      std: '1,1,1',
      out: ' /out ',
    });
    if (!read.ok) throw new Error(JSON.stringify(read.errors));
    expect(read.out).toBe('/out');
    expect(read.request).toMatchObject({
      encoder: '/data/a.onnx',
      preset: 'quick',
      seed: 42,
      arch: 'resnet18',
      inputSize: [32, 28],
      mean: [0.1, 0.2, 0.3],
      std: [1, 1, 1],
    });
    expect(checkRequest('run.start', { request: read.request, out: read.out })).toEqual({
      request: read.request,
      out: '/out',
    });
  });

  it('leaves everything at its default that was left empty', () => {
    const read = readForm(filled);
    expect(read).toMatchObject({
      ok: true,
      out: null,
      request: { seed: 7, arch: null, inputSize: null, mean: null, std: null },
    });
  });

  it.each<[string, Partial<FormTexts>, string[]]>([
    ['no encoder', { encoder: ' ' }, ['encoder']],
    ['nothing at all', { encoder: '', dataset: '' }, ['encoder', 'dataset']],
    ['no seed', { seed: '' }, ['seed']],
    ['half a seed', { seed: '0.5' }, ['seed']],
    ['a seed beyond 32 bits', { seed: '4294967296' }, ['seed']],
    ['one side of a size', { inputSize: '32' }, ['inputSize']],
    ['a size of nothing', { inputSize: '0x32' }, ['inputSize']],
    ['words for a mean', { mean: 'a,b', std: '1,1' }, ['mean']],
    ['an empty place in a mean', { mean: '0.5,,0.5', std: '1,1,1' }, ['mean']],
    ['a mean without a deviation', { mean: '0.5' }, ['std']],
    ['a deviation of zero', { mean: '0.5', std: '0' }, ['std']],
    ['unequal lengths', { mean: '0.5,0.5', std: '1' }, ['std']],
  ])('names the field for %s', (_case, texts, fields) => expect(errorsOf(texts)).toEqual(fields));
});

describe('what few people set', () => {
  it('reaches the host as the command line would send it', () => {
    const read = readForm({
      ...filled,
      classes: ' /data/names.txt ',
      representation: 'features',
      device: 'cpu',
      threads: '2',
      memory: '2G',
      opinions: 'none',
      overrides: { 'grow.cap': '0.6', 'augment.flip': 'false', 'sift.k': ' ' },
      limits: { 'dataset.maxFiles': '5000' },
    });
    if (!read.ok) throw new Error(JSON.stringify(read.errors));
    expect(read.request).toMatchObject({
      classes: '/data/names.txt',
      representation: 'features',
      device: 'cpu',
      threads: 2,
      overrides: { 'grow.cap': 0.6, 'augment.flip': false, 'opinions.extent': 'none', 'memory.limit': 2e9 },
      limits: { 'dataset.maxFiles': 5000 },
    });
    expect(Object.keys(read.request.overrides)).toHaveLength(4);
    expect(checkRequest('run.start', { request: read.request, out: null })).toEqual({
      request: read.request,
      out: null,
    });
  });

  it.each<[string, Partial<FormTexts>, string, string]>([
    ['no thread', { threads: '0' }, 'threads', '--threads wants'],
    ['a memory of words', { memory: 'much' }, 'memory', '--memory wants'],
    ['a limit of words', { limits: { 'dataset.maxFiles': 'all' } }, 'limits dataset.maxFiles', '--limit wants'],
  ])('is refused with the words of the command line: %s', (_case, texts, field, words) => {
    const read = readForm({ ...filled, ...texts });
    expect(read.ok ? {} : read.errors).toEqual({ [field]: expect.stringContaining(words) as string });
  });

  it('is told before it starts, with what it would be otherwise', () => {
    const changed = changedSettings(
      { ...filled, overrides: { 'grow.cap': '0.6', 'sift.k': '' }, limits: { 'dataset.maxFiles': '5' } },
      { parameters: [{ name: 'grow.cap', value: 0.7, wants: { kind: 'share' } }], limits: [], devices: [], faults: [] },
    );
    expect(changed).toEqual([
      { name: 'grow.cap', value: '0.6', usual: '0.7' },
      { name: 'dataset.maxFiles', value: '5', usual: '' },
    ]);
  });
});

describe('something that is dropped on the form', () => {
  it.each<[string, boolean, boolean, string]>([
    ['images', true, true, 'dataset'],
    ['net.ONNX', false, false, 'encoder'],
    ['net.h5', false, true, 'encoder'],
    ['images.zip', false, false, 'dataset'],
    ['images.tar.gz', false, true, 'dataset'],
    ['labels.csv', false, true, 'dataset'],
    ['model.json', false, false, 'encoder'],
    ['data_batch_1.bin', false, false, 'dataset'],
    ['pytorch_model.bin', false, true, 'encoder'],
  ])('%s (folder: %s, while asked for the model: %s) is the %s', (name, folder, atModel, slot) =>
    expect(dropTarget(name, folder, atModel)).toBe(slot),
  );
});

describe('something that is dropped on the window', () => {
  it.each([
    ['net.onnx', false, 'start', 'audit'],
    ['net.onnx', false, 'history', 'audit'],
    ['images', true, 'history', 'audit'],
    ['pack.zip', true, 'start', 'audit'],
    ['theirs.CoresiftPack', false, 'overview', 'pack'],
    ['pack.zip', false, 'new', 'pack'],
    ['pack (1).zip', false, 'start', 'pack'],
    ['images.zip', false, 'start', 'audit'],
    ['audit.zip', false, 'history', 'pack'],
    ['signer.pub.pem', false, 'history', 'key'],
    ['signer.pem', false, 'start', 'audit'],
  ] as const)('%s (folder: %s) while %s is shown goes to: %s', (name, folder, view, place) =>
    expect(placeOf(name, folder, view)).toBe(place),
  );
});
