import { describe, expect, it } from 'vitest';
import {
  parseAtOnce,
  parseChannelValues,
  parseMemory,
  parseOverride,
  parsePort,
  parseSeed,
  parseSize,
  parseThreads,
} from '../../../src-shared/option-texts.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';

function usageError(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ExpectedError && error.code === 'usage') return error.detail;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('--at-once', () => {
  it('is a number of cells', () => expect(parseAtOnce('2')).toBe(2));
  for (const text of ['0', '257', '-1', '1.5', 'two', ''])
    it(`refuses ${JSON.stringify(text)}`, () => expect(usageError(() => parseAtOnce(text))).toContain('--at-once'));
});

describe('--input-size', () => {
  it('is height x width', () => expect(parseSize('28x32')).toEqual([28, 32]));
  for (const text of ['28', '28x', 'x28', '0x5', '28X28', '-1x3', '5000x5', '28x28x3', ''])
    it(`refuses ${JSON.stringify(text)} by name`, () => {
      expect(usageError(() => parseSize(text))).toContain(`--input-size`);
      expect(usageError(() => parseSize(text))).toContain(JSON.stringify(text));
    });
});

describe('--mean and --std', () => {
  it('are one number per channel', () => expect(parseChannelValues('--mean', '0.5, 0,-1e-2')).toEqual([0.5, 0, -0.01]));
  for (const text of ['', '0.5,', 'a', '1,2,3,4,5', 'NaN', 'Infinity'])
    it(`refuse ${JSON.stringify(text)}`, () =>
      expect(usageError(() => parseChannelValues('--mean', text))).toContain('--mean'));
  it('refuse a deviation of zero', () =>
    expect(usageError(() => parseChannelValues('--std', '0.2,0'))).toContain('above 0'));
});

describe('--memory', () => {
  it('is a number of bytes with a unit of 1,000s or of 1,024s', () => {
    expect(parseMemory('500000000')).toBe(500e6);
    expect(parseMemory('2G')).toBe(2e9);
    expect(parseMemory('1.5 gb')).toBe(1.5e9);
    expect(parseMemory('512Mi')).toBe(512 * 2 ** 20);
  });
  for (const text of ['', '0', '-1', '2X', 'G', '1e9', '9999999999999T'])
    it(`refuses ${JSON.stringify(text)} by name`, () => {
      expect(usageError(() => parseMemory(text))).toContain('--memory');
    });
});

describe('--seed, --port and --threads', () => {
  it('take whole numbers in range', () => {
    expect(parseSeed('9007199254740991')).toBe(9007199254740991);
    expect(parsePort('0')).toBe(0);
    expect(parseThreads('1')).toBe(1);
  });
  for (const text of ['-1', '1.5', '9007199254740992', 'x', '', '1e3'])
    it(`--seed refuses ${JSON.stringify(text)}`, () => expect(usageError(() => parseSeed(text))).toContain('--seed'));
  for (const text of ['65536', '-1', 'http', ''])
    it(`--port refuses ${JSON.stringify(text)}`, () => expect(usageError(() => parsePort(text))).toContain('--port'));
  for (const text of ['0', '-1', '1025', 'all', ''])
    it(`--threads refuses ${JSON.stringify(text)}`, () =>
      expect(usageError(() => parseThreads(text))).toContain('--threads'));
});

describe('--set', () => {
  it('tells numbers, truth values and text apart', () => {
    expect(parseOverride('grow.cap=0.6')).toEqual(['grow.cap', 0.6]);
    expect(parseOverride('augment.flip=false')).toEqual(['augment.flip', false]);
    expect(parseOverride('grow.loss=0.2,0.4')).toEqual(['grow.loss', '0.2,0.4']);
    expect(parseOverride('grow.meta=')).toEqual(['grow.meta', '']);
  });
  it('refuses what has no name', () => expect(usageError(() => parseOverride('=1'))).toContain('--set'));
});
