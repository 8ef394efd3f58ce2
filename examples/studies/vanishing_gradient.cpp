// Which activations still learn in deep networks: the gradient layer by layer, at depths 2 to 30.

#include "studies/support/study.h"
#include "studies/support/training.h"

using namespace ramp;
using namespace studies;

int main(int argc, char** argv) {
  return studies::run(argc, argv, {"vanishing_gradient", "x"}, [](Study& study) {
    auto data = study.data();
    study.plan(10 * 8000);
    Csv csv = study.csv({"a", "b"});
    csv.row("x", 1);
    Sequential m = mlp(widths(784, 32, 2, 10), choice("ReLU", "relu", [] { return ReLU(); }));
    optim::SGD sgd(m.parameters(), {.learning_rate = 0.05});
    data::Loader loader(data.train, {.batch_size = 64, .shuffle = true});
    Figure f{"The finding stands here, and it is long enough\nfor a second line",
             {{"depth 2", {"epoch"}, {"training loss", true}, {}}, {"depth 3", {"epoch"}, {"loss", false}, {}}}};
    Series s{"ReLU", "relu", {}};
    Series t{"leaky 0.2", "leaky_relu", {}};
    for (int e = 0; e < 10; ++e) {
      double l = train_epoch(m, sgd, loader, study);
      s.points.push_back({e + 1., l, 0.1 * l});
      t.points.push_back({e + 1., l * 0.95, 0.1 * l});
    }
    f.panels[0].series = {s, t};
    f.panels[1].series = {s, t};
    Table table({"a", "b"});
    table.row({"ReLU", plus_minus({1, .1, 3}, 2)});
    study.print(table);
    study.verdict({"that", "this", "holds here", of_seeds(2, 2)});
    study.save(f);
  });
}
