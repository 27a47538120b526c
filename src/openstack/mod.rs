//! A thin typed client of Keystone, Nova, Neutron and Cinder.
