/** The report's style sheet. Roles and verdict colours as in the application; contrast at least 4.5:1 for text in both modes. */

export const style = `
:root{color-scheme:light dark;
--surface:#fbfbfa;--raised:#fff;--line:#dcdedc;--text:#1c2321;--muted:#5a6562;--accent:#0b6263;
--trusted:#006b50;--suspicious:#b23f00;--inconclusive:#7d5a00;--not-examined:#5d6664;
--dot:#8b9a96;--part:#c9d1ce;--second:#6f55a3}
@media (prefers-color-scheme:dark){:root{
--surface:#121716;--raised:#1a2120;--line:#33403d;--text:#e6ecea;--muted:#9fadaa;--accent:#56c4c0;
--trusted:#4ccfa4;--suspicious:#ff935c;--inconclusive:#e3b64c;--not-examined:#a6b1ae;
--dot:#72827e;--part:#43514d;--second:#b7a1e6}}
*{box-sizing:border-box}
html{background:var(--surface);color:var(--text);font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:1040px;padding:24px 24px 64px;overflow-wrap:anywhere}
h1{font-size:22px;line-height:1.25;margin:0 0 4px;font-weight:650}
h2{font-size:18px;line-height:1.35;font-weight:600;margin:0 0 16px;max-width:46em;text-wrap:pretty}
h2 .kicker{display:block;font-size:12px;font-weight:600;letter-spacing:.04em;color:var(--muted);margin-bottom:2px}
h3{font-size:14px;font-weight:600;margin:24px 0 8px}
p{margin:0 0 12px;max-width:68em}
a{color:var(--accent)}
section{border-top:1px solid var(--line);padding:28px 0 12px}
.quiet,figcaption,caption{color:var(--muted)}
code,.digest{font:12px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
.marking{font-weight:700;letter-spacing:.06em;text-align:center;margin:0 0 12px;max-width:none}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin:20px 0 28px;font-size:13px}
nav a{text-decoration:none;padding:2px 0}
nav a:hover{text-decoration:underline}
a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.verdicts{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:24px 32px;margin:20px 0 4px}
.verdicts>div{border-left:3px solid;padding-left:16px}
.verdicts .claim{font-size:15px;margin:6px 0}
.verdicts .subject{color:var(--text);font-weight:650}
.badge{display:inline-flex;align-items:baseline;gap:6px;font-weight:650;white-space:nowrap}
.badge svg{flex:none;align-self:center}
.head{display:flex;flex-wrap:wrap;gap:2px 10px;align-items:baseline}
.trusted{color:var(--trusted);border-color:var(--trusted)}
.suspicious{color:var(--suspicious);border-color:var(--suspicious)}
.inconclusive{color:var(--inconclusive);border-color:var(--inconclusive)}
.not-examined{color:var(--not-examined);border-color:var(--not-examined)}
.verdicts p,.verdicts dl{color:var(--text)}
dl{display:grid;grid-template-columns:minmax(9em,max-content) 1fr;gap:4px 20px;margin:0 0 16px}
dt{color:var(--muted)}
dd{margin:0;min-width:0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:8px 40px}
.pair>*{min-width:0}
.scroll{overflow-x:auto;margin:0 0 16px}
table{border-collapse:collapse;width:100%;font-size:12.5px;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:0 0 6px;font-size:12.5px}
th,td{padding:5px 12px 5px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{font-weight:600;color:var(--muted);white-space:nowrap}
thead th{overflow-wrap:normal}
tbody th{font-weight:400;color:var(--text);white-space:normal;min-width:6em}
tbody th.n{min-width:0}
th.n,td.n{text-align:right;white-space:nowrap}
td.w{white-space:nowrap}
th:last-child,td:last-child{padding-right:0}
figure{margin:0 0 20px}
figure>svg{display:block;width:100%;height:auto}
figcaption{font-size:12.5px;margin-top:6px;max-width:68em}
svg text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;fill:var(--muted)}
svg .name{fill:var(--text)}
svg .grid{stroke:var(--line);stroke-width:1;fill:none}
svg .axis{stroke:var(--muted);stroke-width:1;fill:none}
svg .dots{stroke:var(--dot);stroke-linecap:round;fill:none;vector-effect:non-scaling-stroke}
svg .f-trusted{fill:var(--trusted)}
svg .f-suspicious{fill:var(--suspicious)}
svg .f-accent{fill:var(--accent)}
svg .f-part{fill:var(--part)}
svg .s-trusted{stroke:var(--trusted);fill:none}
svg .s-suspicious{stroke:var(--suspicious);fill:none}
svg .s-inconclusive{stroke:var(--inconclusive);fill:none}
svg .s-accent{stroke:var(--accent);fill:none}
svg .s-second{stroke:var(--second);fill:none}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;margin:0 0 8px;padding:0;list-style:none;font-size:12.5px;color:var(--muted)}
.legend li{display:inline-flex;align-items:center;gap:6px}
.bars{display:grid;grid-template-columns:minmax(80px,auto) minmax(80px,3fr) max-content;gap:6px 12px;align-items:center;font-size:12.5px}
.bars svg{display:block;width:100%;height:12px}
.bars .note{color:var(--muted);font-variant-numeric:tabular-nums;white-space:nowrap}
.suspects{display:grid;grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:16px 12px;margin:0 0 20px}
.suspects figure{margin:0}
.suspects img{display:block;width:100%;aspect-ratio:1;object-fit:contain;image-rendering:pixelated;background:var(--raised);border:1px solid var(--line);border-radius:3px}
.suspects .none{display:grid;place-items:center;aspect-ratio:1;border:1px dashed var(--line);border-radius:3px;font-size:11px;color:var(--muted);text-align:center}
.suspects figcaption{font-size:11.5px;line-height:1.35;margin-top:4px}
.suspects figcaption b{color:var(--text);font-weight:600}
ul.plain{margin:0 0 12px;padding-left:20px}
ul.plain li{margin:2px 0;max-width:68em}
pre{margin:0 0 12px;padding:10px 12px;background:var(--raised);border:1px solid var(--line);border-radius:6px;white-space:pre-wrap;font:12px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
footer{border-top:1px solid var(--line);padding-top:16px;color:var(--muted);font-size:12.5px}
@media (max-width:600px){body{padding:16px 16px 48px}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:8px}
.verdicts,.pair{grid-template-columns:1fr}.suspects{grid-template-columns:repeat(auto-fill,minmax(84px,1fr))}h2{font-size:17px}}
@media print{@page{size:A4;margin:16mm 14mm}
:root{color-scheme:light;--surface:#fff;--raised:#fff;--line:#ccc;--text:#000;--muted:#444;--accent:#0b6263;
--trusted:#006b50;--suspicious:#b23f00;--inconclusive:#7d5a00;--not-examined:#5d6664;--dot:#8b9a96;--part:#c9d1ce;--second:#6f55a3}
html{font-size:11px}table,figcaption,caption{font-size:10px}th{white-space:normal}h1{font-size:18px}h2{font-size:14px;break-inside:avoid}code,.digest,pre{font-size:9.5px}
body{max-width:none;padding:0}nav{display:none}.scroll{overflow:visible}section{padding:16px 0 6px}#summary{break-after:page}
thead{break-after:avoid}figure,tr,.suspects figure,.verdicts>div{break-inside:avoid}h2,h3{break-after:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
@media (forced-colors:active){.verdicts>div{border-color:CanvasText}}
`;
