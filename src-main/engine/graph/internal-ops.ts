/**
 * Operators of the domain "coresift": gradients that have no good form in standard operators. Providers lower them; they
 * never appear in a file that leaves the product, and a file that contains one is refused.
 *
 * Convolution attributes are those of Conv with pads always explicit (no auto_pad): `strides`, `pads`, `dilations`,
 * `group`. Pooling attributes are those of the pooling operator with explicit pads.
 *
 * - `ConvGradInput(dY [N,M,oH,oW], W [M,C/group,kH,kW]; conv attributes, input_shape = [N,C,H,W]) -> dX [N,C,H,W]`
 *   dX[n,c,i,j] = sum over m,k,l with i = y*stride + k*dilation - pad (and j alike) of dY[n,m,y,x] * W[m,c,k,l].
 * - `ConvGradWeight(X [N,C,H,W], dY [N,M,oH,oW]; conv attributes, weight_shape = [M,C/group,kH,kW], rows?) -> dW`
 *   dW[m,c,k,l] = sum over n,y,x of dY[n,m,y,x] * X[n,c,y*stride + k*dilation - pad, ...]. With `rows` (a list of output
 *   channels, any order) only dW[rows] is made: shape [rows.length, C/group, kH, kW]. dY always has all M channels.
 * - `MaxPoolGrad(X [N,C,H,W], Y [N,C,oH,oW], dY [N,C,oH,oW]; pool attributes) -> dX [N,C,H,W]`
 *   each dY goes to the first position (row-major) of its window where X equals Y.
 * - `AveragePoolGrad(dY [N,C,oH,oW]; pool attributes incl. count_include_pad, input_shape = [N,C,H,W]) -> dX [N,C,H,W]`
 *   each dY is shared equally by the positions of its window, divided as AveragePool divides.
 * - `BatchNormTrain(X [N,C,...], scale [C], bias [C]; epsilon) -> (Y, batchMean [C], batchVariance [C])`
 *   batchVariance is biased (divided by n = N*H*W); Y = scale * (X - batchMean) / sqrt(batchVariance + epsilon) + bias.
 * - `BatchNormTrainGrad(X, scale [C], batchMean [C], batchVariance [C], dY; epsilon) -> (dX, dScale [C], dBias [C])`
 *   with h = (X - batchMean) / sqrt(batchVariance + epsilon): dBias = sum dY, dScale = sum dY*h,
 *   dX = scale / sqrt(batchVariance + epsilon) * (dY - (dBias + h * dScale) / n). An output may be '' when nobody needs it.
 */
import { convolutionGradients } from './ops/convolution.ts';
import { normalisationInternals } from './ops/normalisation.ts';
import type { OperatorTable } from './ops/operator.ts';
import { poolingGradients } from './ops/pooling.ts';

export const INTERNAL_DOMAIN = 'coresift';

export type InternalOperator =
  'ConvGradInput' | 'ConvGradWeight' | 'MaxPoolGrad' | 'AveragePoolGrad' | 'BatchNormTrain' | 'BatchNormTrainGrad';

export const internalOperators: OperatorTable = {
  ...convolutionGradients,
  ...poolingGradients,
  ...normalisationInternals,
};
