#include "support/authority.hpp"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace bookstore::test {
namespace {

using PrivateKey = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

void require(bool well) {
    if (!well) {
        throw std::runtime_error("OpenSSL made no certificate");
    }
}

PrivateKey make_key(Authority::Key kind) {
    PrivateKey key(
        kind == Authority::Key::rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), EVP_PKEY_free
    );
    require(key != nullptr);
    return key;
}

bool is_address(const std::string& name) {
    in6_addr address{};
    return ::inet_pton(AF_INET, name.c_str(), &address) == 1 ||
           ::inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
        X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()), X509_EXTENSION_free
    );
    require(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

Certificate make_certificate(
    const std::string& name, EVP_PKEY* key, int from_days, int until_days
) {
    static long serial = std::time(nullptr);
    Certificate made(X509_new(), X509_free);
    constexpr long day = 86'400;
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), from_days * day);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), until_days * day);
    X509_set_pubkey(made.get(), key);
    X509_NAME* subject = X509_get_subject_name(made.get());
    const std::vector<unsigned char> text(name.begin(), name.end());
    X509_NAME_add_entry_by_txt(
        subject, "CN", MBSTRING_UTF8, text.data(), static_cast<int>(text.size()), -1, 0
    );
    return made;
}

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const auto size = BIO_ctrl(bio, BIO_CTRL_INFO, 0, &data);
    return {data, static_cast<std::size_t>(size)};
}

using Writing = std::unique_ptr<BIO, decltype(&BIO_free)>;

std::string pem_of(X509* certificate) {
    const Writing bio(BIO_new(BIO_s_mem()), BIO_free);
    require(PEM_write_bio_X509(bio.get(), certificate) == 1);
    return text_of(bio.get());
}

std::string pem_of(EVP_PKEY* key) {
    const Writing bio(BIO_new(BIO_s_mem()), BIO_free);
    require(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return text_of(bio.get());
}

void replace_file(const std::string& path, const std::string& text) {
    std::ofstream(path + ".new", std::ios::binary) << text;
    std::filesystem::rename(path + ".new", path);
}

}  // namespace

Authority::Authority(std::string name)
    : name_(std::move(name)), file_(path("authority.pem")), key_(make_key(Key::elliptic)) {
    certificate_ = make_certificate(name_, key_.get(), -1, 3650);
    X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
    extend(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
    extend(certificate_.get(), certificate_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    require(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0);
    replace_file(file_, pem_of(certificate_.get()));
}

Authority::Pair Authority::issue(const std::string& name, const Terms& terms) const {
    const PrivateKey key = make_key(terms.key);
    const Certificate made = make_certificate(name, key.get(), terms.from_days, terms.until_days);
    X509* issuer = terms.self_signed ? made.get() : certificate_.get();
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
    std::string subjects;
    for (const std::string& subject : terms.names) {
        subjects += (subjects.empty() ? "" : ",");
        subjects += (is_address(subject) ? "IP:" : "DNS:") + subject;
    }
    extend(made.get(), issuer, NID_subject_alt_name, subjects);
    extend(made.get(), issuer, NID_basic_constraints, "critical,CA:FALSE");
    extend(made.get(), issuer, NID_ext_key_usage, "serverAuth,clientAuth");
    EVP_PKEY* signing = terms.self_signed ? key.get() : key_.get();
    require(X509_sign(made.get(), signing, EVP_sha256()) > 0);
    const Pair pair{path(name + ".pem"), path(name + ".key")};
    replace_file(pair.key, pem_of(key.get()));
    replace_file(pair.certificate, pem_of(made.get()));
    return pair;
}

}  // namespace bookstore::test
