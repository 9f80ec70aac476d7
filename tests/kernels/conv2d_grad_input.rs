use harmonium::evaluation::verify::conv2d::Kernel;

use super::conv2d::on_every_adapter;

#[test]
fn adapters_agree_with_the_cpu() {
    on_every_adapter(Kernel::GradInput);
}
