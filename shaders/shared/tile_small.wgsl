// A matrix product for small sizes, where larger tiles would leave most of a GPU idle: 32 x 32 outputs a
// workgroup. Needs shared/tile_loads.wgsl and shared/tile_split.wgsl.

const TILE: u32 = 32u;
const TILE_K: u32 = 32u;
const TEAMS: u32 = 4u;
