import { describe, expect, it } from 'vitest';
import { evidenceRow } from '../../../src-shared/evidence.ts';

describe('a number of the evidence', () => {
  it.each([
    ['refusedShare', 0.2733, { words: 'refused share', shown: '27 %' }],
    ['refusedShares', [0, 0.036], { words: 'refused share of each class', shown: '0 %, 3.6 %' }],
    ['flippedTo', 'ankle\u202e boot', { words: 'class it flips to', shown: 'ankle\\u{202E} boot' }],
    ['someNewNumber', 12345.6, { words: 'some new number', shown: '12,300' }],
    ['a.dotted-name', 3, { words: 'a dotted name', shown: '3' }],
    ['toString', 1, { words: 'to string', shown: '1' }],
  ] as const)('%s is said in words', (name, value, row) => expect(evidenceRow(name, value)).toEqual(row));
});
