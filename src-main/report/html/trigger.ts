/** The section on what the suspects have in common: residues, and the trigger estimated from them. */
import type { Picture } from '../../../src-shared/domain/result.ts';
import type { ReportRecord } from '../record.ts';
import { triggerClaim } from './claims.ts';
import { thumbnail, type SectionContent } from './findings.ts';
import { html, type Markup } from './markup.ts';
import { counted } from './numbers.ts';
import { pictureUri } from './small-picture.ts';

export function triggerSection(record: ReportRecord): SectionContent {
  const { estimate, residues, meanResidue } = record.triggers;
  const figure = (source: Picture, text: string, caption: Markup): Markup =>
    html`<figure>
      ${thumbnail(pictureUri(source), text)}
      <figcaption>${caption}</figcaption>
    </figure>`;
  return {
    id: 'trigger',
    name: 'What suspects share',
    claim: triggerClaim(record),
    body:
      estimate === null || meanResidue === null
        ? null
        : html`<div class="suspects">
              ${figure(
                estimate.picture,
                'The trigger estimated from the suspects',
                html`<b>Estimate</b><br />${estimate.form === 'patch' ? 'covers pixels' : 'is added'}`,
              )}
              ${figure(meanResidue, 'Mean residue of the suspects', html`<b>Mean residue</b>`)}
              ${residues.map(({ sample, picture }) =>
                figure(picture, `Residue of sample ${sample}`, html`Residue<br />sample ${sample}`),
              )}
            </div>
            <p class="quiet">
              A residue is a suspect minus the mean of the credible samples that the sanitized model finds most like it;
              mid-grey is no difference. The estimate was made from ${counted(estimate.suspects, 'suspect')}; the flips
              were counted on ${counted(estimate.n, 'credible image')} that had no part in it.
            </p>`,
  };
}
