/** Which fields of a request are paths. The schema of a field says so; hosts that keep paths to themselves replace them. */
import * as v from 'valibot';

/** What a path in a request is for: something to read, or a folder to make or write into. */
export type FileUse = 'read' | 'write';

/** As much of any schema as its fields are found by. */
export interface SchemaShape {
  readonly type: string;
  readonly entries?: Readonly<Record<string, SchemaShape>>;
  readonly wrapped?: SchemaShape;
  readonly item?: SchemaShape;
  readonly items?: readonly SchemaShape[];
  readonly value?: SchemaShape;
}

/** Marks a schema of text as that of a path. */
export const pathFor = (use: FileUse) => v.metadata<string, { readonly pathFor: FileUse }>({ pathFor: use });

export function useOf(schema: SchemaShape): FileUse | null {
  const { pathFor: use } = v.getMetadata(schema as unknown as v.GenericSchema) as { readonly pathFor?: FileUse };
  return use ?? null;
}

/** `request`, which has the shape of `schema`, with `pathOf` of every path. Paths in a union are not found. */
export function withPaths(
  schema: SchemaShape,
  request: unknown,
  pathOf: (text: string, use: FileUse) => string,
): unknown {
  const use = useOf(schema);
  if (use !== null && typeof request === 'string') return pathOf(request, use);
  if (schema.wrapped !== undefined) return withPaths(schema.wrapped, request, pathOf);
  if (typeof request !== 'object' || request === null) return request;
  const { entries, item, items, value } = schema;
  if (Array.isArray(request)) {
    return request.map((one: unknown, at) => {
      const of = items?.[at] ?? item;
      return of === undefined ? one : withPaths(of, one, pathOf);
    });
  }
  return Object.fromEntries(
    Object.entries(request).map(([name, one]: [string, unknown]) => {
      const of = entries === undefined ? value : entries[name];
      return [name, of === undefined ? one : withPaths(of, one, pathOf)];
    }),
  );
}
