import eslint from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import typescript from 'typescript-eslint';
import { requireSelectors } from './require-selectors.ts';

export default typescript.config(
  {
    ignores: [
      '**/node_modules/',
      'out/',
      'dist/',
      'test/fixtures/',
      'test-results/',
      'resources/',
      'src-shared/errors.ts',
    ],
  },
  eslint.configs.recommended,
  ...typescript.configs.strict,
  ...svelte.configs['flat/recommended'],
  { linterOptions: { reportUnusedDisableDirectives: 'error' }, languageOptions: { globals: globals.node } },
  {
    files: ['**/*.ts', '**/*.svelte'],
    languageOptions: {
      parserOptions: {
        project: ['./src-shared/tsconfig.json'],
        tsconfigRootDir: new URL('..', import.meta.url).pathname,
        extraFileExtensions: ['.svelte'],
      },
    },
    rules: {
      // The compiler knows names better, types included.
      'no-undef': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      'no-restricted-globals': ['error', 'name', 'event'],
      eqeqeq: 'error',
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { globals: globals.browser, parserOptions: { parser: typescript.parser } },
    rules: {
      'svelte/no-at-html-tags': 'error',
      // The policy of the page forbids style attributes; `style:` directives go through the object model.
      'no-restricted-syntax': [
        'error',
        { selector: 'SvelteAttribute[key.name="style"]', message: 'Use a class or a style: directive.' },
      ],
      'svelte/button-has-type': 'error',
      'svelte/no-target-blank': 'error',
      'svelte/require-each-key': 'error',
      'prefer-const': 'off',
      'svelte/prefer-const': 'error',
    },
  },
  {
    files: ['src-renderer/**'],
    rules: {
      // The page neither fetches nor evaluates anything: its one connection is in state/connection.ts.
      'no-restricted-globals': ['error', 'name', 'event', 'fetch', 'XMLHttpRequest', 'EventSource', 'eval', 'Function'],
    },
  },
  {
    files: ['src-*/**/*.ts', 'src-*/**/*.mjs'],
    rules: {
      // The import rules see what is loaded by a function called `require`, and no other.
      'no-restricted-syntax': [
        'error',
        ...requireSelectors.map((selector) => ({
          selector,
          message: 'Name it createRequire, and what it makes require.',
        })),
      ],
    },
  },
  {
    files: ['test/**'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off', '@typescript-eslint/no-empty-function': 'off' },
  },
  { files: ['**/*.js', '**/*.mjs', '**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
);
