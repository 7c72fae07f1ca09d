"""Certificates made by openssl: an authority, and servers with a certificate that it issued or a self-signed one."""
import subprocess
import time

# `openssl ca` accepts any dates for a certificate; since OpenSSL 3.5 `openssl x509` rejects some.
BOOKS = """[ca]
default_ca = authority
[authority]
database = {folder}/issued
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = anybody
[anybody]
commonName = supplied
"""
DAY_S = 86400


def openssl(*arguments, stdin=None):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, timeout=30, input=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class Authority:
    def __init__(self, folder):
        self.folder = folder
        self.certificate, self.key = self.self_signed("authority", "CA:TRUE")
        self.books = folder / "authority.cnf"
        self.books.write_text(BOOKS.format(folder=folder))
        (folder / "issued").touch()

    def self_signed(self, name, basic="CA:FALSE", host="127.0.0.1"):
        """(certificate, key), as files."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                certificate, "-subj", f"/CN={name}", "-days", 2, "-addext", f"basicConstraints=critical,{basic}",
                "-addext", f"subjectAltName={self.alternative(host)}")
        return certificate, key

    @staticmethod
    def alternative(host):
        return ("IP:" if host.replace(".", "").isdigit() else "DNS:") + host

    def issue(self, name, host="127.0.0.1", days=2):
        """days below 0: it has expired."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={self.alternative(host)}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", f"/CN={name}")
        begin, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + d * DAY_S)) for d in (-7, days))
        openssl("ca", "-config", self.books, "-batch", "-notext", "-in", request, "-out", certificate, "-cert", self.certificate,
                "-keyfile", self.key, "-startdate", begin, "-enddate", end, "-extfile", extensions)
        return certificate, key
