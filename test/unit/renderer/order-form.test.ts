import { describe, expect, it } from 'vitest';
import { checkRequest } from '../../../src-main/hosts/requests.ts';
import { readDeclared, type DeclaredTexts } from '../../../src-renderer/views/report/order-form.ts';
import { noDeclarations } from '../../../src-shared/domain/declarations.ts';

const faultsOf = (texts: DeclaredTexts): unknown => {
  const read = readDeclared(texts, '');
  return read.ok ? {} : read.faults;
};

describe('the form of what is declared', () => {
  it('left empty declares nothing', () => {
    expect(readDeclared({ title: '  ' }, '')).toEqual({ ok: true, declarations: noDeclarations });
  });

  it('filled gives an order that the host accepts', () => {
    const read = readDeclared(
      {
        title: 'Audit',
        marking: ' TLP:AMBER ',
        validUntil: '2027-01-31',
        'assessor.organisation': 'Lab',
        'assessor.person': 'A. Analyst',
        'encoder.supplier': 'Vendor',
        'dataset.labelSource': 'crowd',
        statement: 'Read and agreed.',
        'signatory.name': 'R. Reviewer',
        'signatory.role': 'head',
        'signatory.organisation': 'Lab',
        'signatory.date': '2026-01-05',
      },
      'yes',
    );
    if (!read.ok) throw new Error(JSON.stringify(read.faults));
    expect(read.declarations).toMatchObject({
      marking: 'TLP:AMBER',
      thirdParty: true,
      assessor: { organisation: 'Lab', person: 'A. Analyst', role: null },
      signOff: { signatories: [{ name: 'R. Reviewer', at: '2026-01-05T00:00:00Z' }] },
    });
    const order = {
      runId: 'r',
      formats: ['pack'],
      language: 'de',
      paper: 'Letter',
      cyclonedx: '1.7',
      redact: false,
      declarations: read.declarations,
      baseline: null,
      out: null,
      key: 'lab',
      passphrase: null,
    };
    expect(checkRequest('report.write', order)).toEqual(order);
  });

  it('says what is missing beside what was filled, and which day there is not', () => {
    expect(faultsOf({ 'reviewer.person': 'R' })).toEqual({ 'reviewer.organisation': 'needed' });
    expect(faultsOf({ 'signatory.name': 'R' })).toEqual({
      'signatory.role': 'needed',
      'signatory.organisation': 'needed',
      'signatory.date': 'needed',
    });
    expect(faultsOf({ validUntil: '2026-02-30' })).toEqual({ validUntil: 'date' });
    expect(faultsOf({ validUntil: 'soon' })).toEqual({ validUntil: 'date' });
  });
});
