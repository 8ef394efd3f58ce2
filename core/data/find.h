#pragma once
// Finds data sets on this machine.

#include <string>

namespace ramp::data {

/// The directory that holds the four IDX files of a data set: "mnist-10k" (the sample that comes with the source),
/// "mnist" or "fashion-mnist". Looks in `directory` alone if that is given. Otherwise returns the first of these that
/// has all four files: `$RAMP_DATA/<name>`, `$RAMP_DATA`, `data/<name>` in the current directory,
/// `examples/data/<name>` in it and in every directory above, the same in ramp's source, `~/.cache/ramp/<name>` and
/// `/usr/share/datasets/<name>`. Throws an Error that lists every place tried, what it lacks, and how to get the files.
std::string find(const std::string& name, const std::string& directory = "");

/// The path of one file of a data set, from a stem like "train-images-idx3": `train-images-idx3-ubyte` or
/// `train-images.idx3-ubyte`, each plain or .gz, in this order. Empty if there is none. Throws Error for a stem without
/// a dash, and when the file system cannot tell, as for a directory without search permission.
std::string find_idx(const std::string& directory, const std::string& stem);

}  // namespace ramp::data
