/** Ways to load something that the import rules (`dependency-rules.cjs`) do not see: they know what a function called `require` loads. */
export const requireSelectors: readonly string[] = [
  'ImportSpecifier[imported.name="createRequire"][local.name!="createRequire"]',
  'MemberExpression[property.name="createRequire"]',
  'VariableDeclarator[init.callee.name="createRequire"][id.name!="require"]',
  'AssignmentExpression[right.callee.name="createRequire"]',
  'CallExpression[callee.type="CallExpression"][callee.callee.name="createRequire"]',
];
